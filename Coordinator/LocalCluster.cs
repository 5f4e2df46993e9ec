using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Training;
using DistTrain.Worker;
using DistTrain.Worker.Compute;

namespace DistTrain.Coordinator;

/// <summary>
/// A whole cluster in this process: coordinator, parameter servers and workers as actors, tensors handed over by reference. The same job gives the same bits as on machines of their own, and as the single-process trainer.
/// </summary>
/// <example><code>
/// await using var cluster = new LocalCluster(ClusterJob.From(job), new ClusterOptions { Workers = 2 }, Console.WriteLine);
/// RunResult result = await cluster.RunAsync(ctrlC.Token);
/// </code></example>
public sealed class LocalCluster : IAsyncDisposable
{
    private readonly ClusterJob job;
    private readonly ClusterOptions options;
    private readonly JobHost host;
    private readonly ResidualStore residuals;
    private readonly ActorSystem system;
    private readonly List<IReplica> replicas = [];
    private readonly List<(IActorRef Actor, ComputeThread Thread)> workers = [];

    /// <summary>Prepares a run: copies the weights, cuts the layout, makes the threads.</summary>
    /// <param name="job">What to train.</param>
    /// <param name="options">How many of what.</param>
    /// <param name="observer">Told every event, in order, on an actor's thread; an exception from it fails the run.</param>
    /// <exception cref="UserErrorException">An option is out of range, or does not go with the job.</exception>
    public LocalCluster(ClusterJob job, ClusterOptions options, Action<RunEvent>? observer = null)
    {
        this.job = job.Begun();
        this.options = options;
        host = new JobHost(job, options, observer ?? (_ => { }));
        residuals = new ResidualStore(TensorCodec.Create(job.Codec), job.Layout, job.LeafOptimizerStates);
        foreach (var (leaf, state) in job.Residuals) residuals.Restore(leaf, state.After, state.Values.Span);
        for (int i = options.Workers; i < Environment.ProcessorCount; i++) host.Group.Add($"helper {i - options.Workers}", Spins);
        system = ActorSystem.Create("disttrain", ProtocolConfig.Shared);
        Clock = new SystemClock(system);
    }

    /// <summary>The workers' actors, for tests that stop one.</summary>
    internal IReadOnlyList<IActorRef> Workers => [.. workers.Select(worker => worker.Actor)];

    /// <summary>What was recorded so far, for tests that wait for it; null where nothing is.</summary>
    internal Timeline? Timeline => host.Timeline;

    private SystemClock Clock { get; }

    private int Spins => options.Workers * options.ThreadsPerWorker <= Environment.ProcessorCount ? ComputeThread.OwnCoreSpins : ComputeThread.DefaultSpins;

    /// <summary>What a step puts on the channels between processes, as it would with every worker on a node of its own.</summary>
    public Traffic Traffic => Traffic.PerStep(
        TensorCodec.Create(job.Codec), host.WeightsCodec, host.Buckets, job.Plan.Pieces, options.Workers);

    /// <summary>Trains to the job's end.</summary>
    /// <param name="stop">Stops after the step in progress; the result is then <see cref="RunEvent.Interrupted"/>.</param>
    /// <returns>What the run left. It does not throw for a run that failed: see <see cref="RunResult.Last"/>.</returns>
    public async Task<RunResult> RunAsync(CancellationToken stop = default)
    {
        host.Start(system, Clock, new HostPlace { MinWorkers = options.Workers });
        for (int i = 0; i < options.Workers; i++) AddWorker();
        using var registration = stop.Register(() => host.Stop("stopped by the user"));
        var last = await host.Ended.ConfigureAwait(false);
        await system.Terminate().ConfigureAwait(false);
        return host.Result(last);
    }

    /// <summary>Adds a worker to the run; it takes over shards, or becomes a spare.</summary>
    /// <returns>The worker's actor.</returns>
    public IActorRef AddWorker()
    {
        int number = workers.Count;
        var thread = host.Group.Add($"worker {number}", Spins, kernelThreads: options.ThreadsPerWorker);
        var setup = new WorkerSetup
        {
            Name = $"worker-{number}",
            Coordinator = host.Coordinator,
            Plan = job.Plan,
            Buckets = host.Buckets,
            Consistency = job.Consistency,
            SampleCountDenominators = job.SampleCountDenominators,
            Rule = job.Rule,
            LearningRate = job.LearningRate,
            Speculate = options.Speculate,
            SpeculateAfter = options.SpeculateAfter,
            Timeline = host.Timeline,
            CreateReplica = () => CreateReplica(number),
            Codec = job.Codec,
            Residuals = residuals,
            Compute = thread,
            Store = host.Published,
            Clock = Clock,
            Tick = options.Tick,
        };
        var actor = system.ActorOf(Props.Create(() => new WorkerActor(setup)).WithDispatcher(ActorTurns.Dispatcher), setup.Name);
        workers.Add((actor, thread));
        return actor;
    }

    /// <summary>Ends the actors and the threads.</summary>
    public async ValueTask DisposeAsync()
    {
        await system.Terminate().ConfigureAwait(false);
        host.Close();
        lock (replicas)
            foreach (var replica in replicas) replica.Dispose();
    }

    private IReplica CreateReplica(int number)
    {
        var replica = job.CreateReplica(number);
        lock (replicas) replicas.Add(replica);
        if (replica.Layout.Hash == job.Layout.Hash) return replica;
        throw new InvalidOperationException($"replica {number} has layout {replica.Layout.Hash}, the job's is {job.Layout.Hash}");
    }
}
