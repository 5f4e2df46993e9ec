using System.Diagnostics;
using DistTrain.Training.Code;
using DistTrain.Transport;
using DistTrain.Worker.CommandLine;
using DistTrain.Worker.Operation;

namespace DistTrain.Worker.Node;

/// <summary>A worker's process: lives as often as it must, until the job is over, the user stops it, or no coordinator is to be found.</summary>
internal static class WorkerNode
{
    /// <summary>A worker that fails begins anew, once: one that fails again so soon would do so for ever.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(10);

    /// <summary>Runs; returns the exit code.</summary>
    public static async Task<int> RunAsync(JoinOptions options)
    {
        var assembly = options.JobAssembly is { } file ? JobAssembly.Load(file) : null;
        using var log = new NodeLog(options.Operation.LogFormat, "DistTrain.Worker");
        using var signals = new StopSignals(signal => log.Note($"{signal}: hands its work over and leaves; again ends at once"));
        switch (await LiveAsync(options, assembly, log.Note, signals.Token))
        {
            case NodeEnd.Done:
                log.Note("the job is over");
                return ExitCode.Done;
            case NodeEnd.Refused refused:
                log.Note($"error: refused by the coordinator: {refused.Reason}");
                return ExitCode.Failed;
            case NodeEnd.Failed failed:
                log.Note($"error: the worker failed: {failed.Error}; its shards move on, start it again");
                return ExitCode.Failed;
            case NodeEnd.NotFound:
                log.Note($"error: no coordinator at {options.Coordinator} within {options.CoordinatorTimeout.TotalSeconds:0.#} s");
                return ExitCode.Failed;
            default:
                return signals.ExitWith ?? ExitCode.Done;
        }
    }

    /// <summary>Lives until it need not join again; how the last life ended.</summary>
    /// <param name="options">How to take part.</param>
    /// <param name="assembly">The job's C#; null for none.</param>
    /// <param name="note">Told, in a line each, what people should know.</param>
    /// <param name="stop">Leaves.</param>
    /// <exception cref="UserErrorException">An option is wrong.</exception>
    public static async Task<NodeEnd> LiveAsync(JoinOptions options, JobAssembly? assembly, Action<string> note, CancellationToken stop)
    {
        using var identity = options.Network.Identity();
        var coordinators = options.Coordinator.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(text => NodeSystem.AddressOf(text, identity is not null)).ToList();
        if (coordinators.Count == 0) throw new UserErrorException("--coordinator is missing, expected host:port, such as 127.0.0.1:4053");
        if (options.Network.Port != 0) NodeSystem.CheckPort(options.Network);
        var health = new NodeHealth();
        await using var endpoint = await HealthServer.StartAsync(options.Operation, options.Network, health, note).ConfigureAwait(false);
        if (identity is null && options.Network.Insecure) note("warning: --insecure: the network has no TLS; whoever reaches it can take part and read");
        var token = JobToken.Load(options.Network.TokenFile);
        var allegiance = new Allegiance();
        return await LivesAsync(LifeAsync, options.CoordinatorTimeout, TimeSpan.FromSeconds(1), note, stop).ConfigureAwait(false);

        async Task<(NodeEnd, bool)> LifeAsync(TimeSpan wait)
        {
            var life = new NodeLife(options, coordinators, identity, token, assembly, allegiance, health, note);
            var end = await life.RunAsync(wait, stop).ConfigureAwait(false);
            return (end, life.WasIn);
        }
    }

    /// <summary>One life after the other.</summary>
    /// <param name="life">Lives once, looking for a coordinator as long as it is told: how that ended, and whether it was taken in.</param>
    /// <param name="patience">How long to look for a coordinator.</param>
    /// <param name="pause">How long to wait before a life that could not begin is tried again.</param>
    /// <param name="note">Told, in a line each, what people should know.</param>
    /// <param name="stop">Leaves.</param>
    /// <exception cref="UserErrorException">The first life could not begin.</exception>
    internal static async Task<NodeEnd> LivesAsync(Func<TimeSpan, Task<(NodeEnd End, bool WasIn)>> life, TimeSpan patience, TimeSpan pause, Action<string> note, CancellationToken stop)
    {
        var looking = Stopwatch.StartNew();
        Stopwatch? failing = null;
        for (bool isFirst = true, isTold = false; ; isFirst = false)
        {
            try
            {
                var left = patience - looking.Elapsed;
                var (end, wasIn) = await life(left > TimeSpan.Zero ? left : TimeSpan.Zero).ConfigureAwait(false);
                if (wasIn) looking.Restart();
                switch (end)
                {
                    case NodeEnd.Lost lost:
                        note($"{lost.Why}; joins again");
                        break;
                    case NodeEnd.Failed failed when failing is null || failing.Elapsed > Soon:
                        failing = Stopwatch.StartNew();
                        note($"the worker failed: {failed.Error}; its shards move on, it joins again");
                        break;
                    default: return end;
                }
                isTold = false;
            }
            catch (UserErrorException error) when (!isFirst)
            {
                // The options were good once: most often the life before has not quite let go of its port.
                if (looking.Elapsed >= patience) return new NodeEnd.Failed(error.Message);
                if (!isTold) note($"{error.Message}; tries again");
                isTold = true;
                await Task.Delay(pause, stop).ContinueWith(_ => { }, TaskScheduler.Default).ConfigureAwait(false);
                if (stop.IsCancellationRequested) return new NodeEnd.Stopped();
            }
        }
    }
}
