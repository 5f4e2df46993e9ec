namespace DistTrain.Transport;

/// <summary>A connection cannot go on; the message says why, in one line, for people. The channel opens another one.</summary>
public sealed class ChannelException : IOException
{
    /// <summary>Makes the error with its reason.</summary>
    public ChannelException(string reason) : base(reason) { }

    /// <summary>Makes the error with its reason and what caused it.</summary>
    public ChannelException(string reason, Exception inner) : base(reason, inner) { }
}
