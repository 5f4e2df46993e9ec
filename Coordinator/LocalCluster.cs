using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Coordinator.Reduction;
using DistTrain.Optim;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
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
    private readonly BucketPlan buckets;
    private readonly FloatBuffer[] state;
    private readonly WeightStore store;
    private readonly WeightStore? published;
    private readonly TensorCodec weightsCodec;
    private readonly ResidualStore residuals;
    private readonly ComputeGroup group = new();
    private readonly Timeline? timeline;
    private readonly ActorSystem system;
    private readonly List<IReplica> replicas = [];
    private readonly List<(IActorRef Actor, ComputeThread Thread)> workers = [];
    private readonly TaskCompletionSource<RunEvent> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<RunEvent> observer;
    private IActorRef coordinator = ActorRefs.Nobody;
    private ImmutableArray<IActorRef> servers = [];
    private readonly UpdateRule rule;
    private readonly long startClock;
    private long steps, version;

    /// <summary>Prepares a run: copies the weights, cuts the layout, makes the threads.</summary>
    /// <param name="job">What to train.</param>
    /// <param name="options">How many of what.</param>
    /// <param name="observer">Told every event, in order, on an actor's thread; an exception from it fails the run.</param>
    /// <exception cref="UserErrorException">An option is out of range, or does not go with the job.</exception>
    public LocalCluster(ClusterJob job, ClusterOptions options, Action<RunEvent>? observer = null)
    {
        this.job = job;
        this.options = options;
        this.observer = observer ?? (_ => { });
        ClusterRules.Check(job, options);
        timeline = options.TracePath is null ? null : new Timeline();
        rule = job.Consistency is Consistency.Local ? new OuterRule(job.Layout) : job.Rule;
        startClock = new ClockPlan(job.Plan, job.Consistency).StartingAt(job.StartStep);
        version = job.Consistency is Consistency.Async ? startClock * job.Plan.Pieces : startClock;
        buckets = new BucketPlan(job.Layout, options.Servers, options.BucketBytes);
        state = [.. rule.StateNames.Select((_, i) => InitialState(i))];
        store = new WeightStore(version, Copy(job.Weights), job.Consistency.StalenessBound);
        weightsCodec = TensorCodec.Create(job.WeightsCodec);
        if (job.WeightsCodec.IsLossy) published = new WeightStore(version, RoundedWeights.Of(weightsCodec, buckets, job.Weights), job.Consistency.StalenessBound);
        residuals = new ResidualStore(TensorCodec.Create(job.Codec), job.Layout);
        steps = job.StartStep;
        for (int i = options.Workers; i < Environment.ProcessorCount; i++) group.Add($"helper {i - options.Workers}");
        system = ActorSystem.Create("disttrain", ProtocolConfig.Shared);
        Clock = new SystemClock(system);
    }

    /// <summary>The workers' actors, for tests that stop one.</summary>
    internal IReadOnlyList<IActorRef> Workers => [.. workers.Select(worker => worker.Actor)];

    private SystemClock Clock { get; }

    /// <summary>What a step puts on the channels between processes, as it would with every worker on a node of its own.</summary>
    public Traffic Traffic => Traffic.PerStep(
        TensorCodec.Create(job.Codec), weightsCodec, buckets, job.Plan.Pieces, options.Workers);

    /// <summary>Trains to the job's end.</summary>
    /// <param name="stop">Stops after the step in progress; the result is then <see cref="RunEvent.Interrupted"/>.</param>
    /// <returns>What the run left. It does not throw for a run that failed: see <see cref="RunResult.Last"/>.</returns>
    public async Task<RunResult> RunAsync(CancellationToken stop = default)
    {
        if (coordinator != ActorRefs.Nobody) throw new InvalidOperationException("a local cluster runs once");
        var jobId = new JobId(Guid.NewGuid());
        StartServers(jobId);
        coordinator = system.ActorOf(Props.Create(() => new CoordinatorActor(CoordinatorSetup(jobId))), "coordinator");
        for (int i = 0; i < options.Workers; i++) AddWorker();
        using var registration = stop.Register(() => coordinator.Tell(new Protocol.Schedule.Stop("stopped by the user")));
        var crashed = coordinator.WatchAsync().ContinueWith(_ => (RunEvent)new RunEvent.Failed("the coordinator stopped"), TaskScheduler.Default);
        var last = await await Task.WhenAny(ended.Task, crashed).ConfigureAwait(false);
        return await Result(last).ConfigureAwait(false);
    }

    /// <summary>Adds a worker to the run; it takes over shards, or becomes a spare.</summary>
    /// <returns>The worker's actor.</returns>
    public IActorRef AddWorker()
    {
        int number = workers.Count;
        var thread = group.Add($"worker {number}");
        var setup = new WorkerSetup
        {
            Name = $"worker-{number}",
            Coordinator = coordinator,
            Plan = job.Plan,
            Buckets = buckets,
            Consistency = job.Consistency,
            SampleCountDenominators = job.SampleCountDenominators,
            Rule = job.Rule,
            LearningRate = job.LearningRate,
            Speculate = options.Speculate,
            SpeculateAfter = options.SpeculateAfter,
            Timeline = timeline,
            CreateReplica = () => CreateReplica(number),
            Codec = job.Codec,
            Residuals = residuals,
            Compute = thread,
            Store = published ?? store,
            Clock = Clock,
            Tick = options.Tick,
        };
        var actor = system.ActorOf(Props.Create(() => new WorkerActor(setup)), setup.Name);
        workers.Add((actor, thread));
        return actor;
    }

    /// <summary>Ends the actors and the threads.</summary>
    public async ValueTask DisposeAsync()
    {
        await system.Terminate().ConfigureAwait(false);
        group.Dispose();
        lock (replicas)
            foreach (var replica in replicas) replica.Dispose();
    }

    private void StartServers(JobId jobId)
    {
        var started = ImmutableArray.CreateBuilder<IActorRef>();
        for (int i = 0; i < options.Servers; i++)
        {
            var setup = new ServerSetup
            {
                Id = new ServerId(i),
                Job = jobId,
                Head = i == 0 ? null : started[0],
                Plan = job.Plan,
                Buckets = buckets,
                Rule = rule,
                LearningRate = job.Consistency is Consistency.Local ? _ => OuterRule.LearningRate : job.LearningRate,
                State = state,
                Store = store,
                Published = published,
                WeightsCodec = weightsCodec,
                StartStep = startClock,
                Consistency = job.Consistency,
                OnNonFinite = job.OnNonFinite,
                Compute = group,
                Timeline = timeline,
                Clock = Clock,
                Tick = options.Tick,
            };
            var props = job.Consistency is Consistency.Async ? Props.Create(() => new AsyncServerActor(setup)) : Props.Create(() => new ParameterServerActor(setup));
            started.Add(system.ActorOf(props, $"server-{i}"));
        }
        servers = started.ToImmutable();
    }

    private CoordinatorSetup CoordinatorSetup(JobId jobId) => new()
    {
        Job = jobId,
        Plan = job.Plan,
        Buckets = buckets,
        Servers = servers,
        Codec = job.Codec,
        WeightsCodec = job.WeightsCodec,
        MinWorkers = options.Workers,
        StartStep = startClock,
        Consistency = job.Consistency,
        Observer = OnEvent,
        Clock = Clock,
        Tick = options.Tick,
    };

    private void OnEvent(RunEvent happened)
    {
        if (happened is RunEvent.StepDone step) (steps, version) = (step.Step + 1, step.Version);
        observer(happened);
        if (happened is RunEvent.Finished or RunEvent.Interrupted or RunEvent.Failed) ended.TrySetResult(happened);
    }

    private async Task<RunResult> Result(RunEvent last)
    {
        // Compute threads may still be at a piece that nobody waits for; nothing is read before they are done.
        await system.Terminate().ConfigureAwait(false);
        group.Dispose();
        timeline?.WriteTo(options.TracePath!);
        bool held = store.TryRead(version, out var lease);
        var weights = Copy(held && last is not RunEvent.Failed ? lease.Weights : job.Weights);
        lease.Dispose();
        return new RunResult { Last = last, Layout = job.Layout, Steps = steps, Weights = weights, State = state };
    }

    private IReplica CreateReplica(int number)
    {
        var replica = job.CreateReplica(number);
        lock (replicas) replicas.Add(replica);
        if (replica.Layout.Hash == job.Layout.Hash) return replica;
        throw new InvalidOperationException($"replica {number} has layout {replica.Layout.Hash}, the job's is {job.Layout.Hash}");
    }

    private FloatBuffer InitialState(int index) => job.State is { } resumed ? Copy(resumed[index]) : new FloatBuffer(job.Layout.Length);

    private static FloatBuffer Copy(FloatBuffer source)
    {
        var copy = new FloatBuffer(source.Length);
        source.Span.CopyTo(copy.Span);
        return copy;
    }
}
