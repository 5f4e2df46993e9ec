using System.Diagnostics;
using DistTrain.Transport;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Worker.Node;

/// <summary>A worker's process: lives as often as it must, until the job is over, the user stops it, or no coordinator is to be found.</summary>
internal static class WorkerNode
{
    /// <summary>Runs; returns the exit code.</summary>
    public static async Task<int> RunAsync(JoinOptions options)
    {
        using var identity = options.Network.Identity();
        var coordinators = options.Coordinator.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(text => NodeSystem.AddressOf(text, identity is not null)).ToList();
        if (coordinators.Count == 0) throw new UserErrorException("--coordinator is missing, expected host:port, such as 127.0.0.1:4053");
        if (options.Network.Port != 0) NodeSystem.CheckPort(options.Network);
        if (identity is null && options.Network.Insecure) Note("warning: --insecure: the network has no TLS; whoever reaches it can take part and read");
        var token = JobToken.Load(options.Network.TokenFile);
        using var signals = new StopSignals(signal => Note($"{signal}: hands its work over and leaves; again ends at once"));
        var looking = Stopwatch.StartNew();
        while (true)
        {
            var life = new NodeLife(options, coordinators, identity, token, Note);
            var left = options.CoordinatorTimeout - looking.Elapsed;
            var end = await life.RunAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, signals.Token);
            if (life.WasIn) looking.Restart();
            switch (end)
            {
                case NodeEnd.Done:
                    Note("the job is over");
                    return ExitCode.Done;
                case NodeEnd.Stopped:
                    return signals.ExitWith ?? ExitCode.Done;
                case NodeEnd.Refused refused:
                    Note($"error: refused by the coordinator: {refused.Reason}");
                    return ExitCode.Failed;
                case NodeEnd.NotFound:
                    Note($"error: no coordinator at {options.Coordinator} within {options.CoordinatorTimeout.TotalSeconds:0.#} s");
                    return ExitCode.Failed;
                case NodeEnd.Lost lost:
                    Note($"{lost.Why}; joins again");
                    break;
            }
        }
    }

    private static void Note(string text) => Console.Error.WriteLine(text);
}
