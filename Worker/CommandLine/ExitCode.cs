namespace DistTrain.Worker.CommandLine;

/// <summary>What the commands exit with.</summary>
public static class ExitCode
{
    /// <summary>Done, also after <c>stop</c>.</summary>
    public const int Done = 0;

    /// <summary>The run failed.</summary>
    public const int Failed = 1;

    /// <summary>Bad arguments or bad input.</summary>
    public const int BadArguments = 2;

    /// <summary>Ended by SIGINT (Ctrl-C), saved.</summary>
    public const int Interrupted = 130;

    /// <summary>Ended by SIGTERM, saved.</summary>
    public const int Terminated = 143;
}
