namespace DistTrain;

/// <summary>
/// Bad input from the user: an unknown option, model or file, a value out of range, a corrupt file. The message is one line that
/// names the thing, what it was and what is allowed (or a line for each of several). Commands print it to stderr without a stack trace and exit with code 2.
/// </summary>
public class UserErrorException : Exception
{
    /// <summary>Makes the error with its one-line message.</summary>
    public UserErrorException(string message) : base(message) { }

    /// <summary>Makes the error with its one-line message and what caused it.</summary>
    public UserErrorException(string message, Exception inner) : base(message, inner) { }
}
