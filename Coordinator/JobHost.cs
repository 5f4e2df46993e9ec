using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Reduction;
using DistTrain.Coordinator.Scheduling;
using DistTrain.Optim;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker.Compute;

namespace DistTrain.Coordinator;

/// <summary>Where a job is hosted: what differs between a cluster in one process and one of many.</summary>
internal sealed record HostPlace
{
    /// <summary>The job's id.</summary>
    public JobId Job { get; init; } = new(Guid.NewGuid());

    /// <summary>The coordinator's reign.</summary>
    public Term Term { get; init; } = new(1);

    /// <summary>Workers to wait for before the first step.</summary>
    public required int MinWorkers { get; init; }

    /// <summary>Whether the run waits for another worker when the last one is lost.</summary>
    public bool WorkersMayJoin { get; init; }

    /// <summary>Opens a channel to a worker (first) from a server (second); null for within the process.</summary>
    public Func<IActorRef, IActorRef, ITensorChannel>? Connect { get; init; }

    /// <summary>The job as it was settled once workers had come; null where the plan of checkpoints says it.</summary>
    public JobOptions? Settled { get; init; }

    /// <summary>Whether an actor (first) may act now on what ends a step or an epoch (second); where not, the message comes again when it may.</summary>
    public Func<IActorRef, object, bool> Passes { get; init; } = (_, _) => true;

    /// <summary>Takes over the telling of a checkpoint that is in the folder, and says whether it did; null for nobody.</summary>
    public Func<RunEvent.CheckpointDone, bool>? Saved { get; init; }

    /// <summary>Told each server and its number before the coordinator begins.</summary>
    public Action<IActorRef, int>? ServerStarted { get; init; }

    /// <summary>Told the coordinator, which takes tensors too, before any worker knows of it.</summary>
    public Action<IActorRef>? CoordinatorStarted { get; init; }
}

/// <summary>The coordinator's half of a run, the same for every kind of cluster: weights and their versions, optimizer state, servers, the coordinator, checkpoints. Workers come from outside.</summary>
internal sealed class JobHost
{
    private readonly ClusterJob job;
    private readonly ClusterOptions options;
    private ClusterJob? start;
    private readonly FloatBuffer[] state;
    private readonly WeightStore store;
    private readonly WeightStore? published;
    private readonly TaskCompletionSource<RunEvent> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<RunEvent> observer;
    private readonly Lock telling = new();
    private Snapshots? snapshots;
    private CheckpointWriter? writer;
    private ImmutableArray<IActorRef> servers = [];
    private Term term;
    private readonly UpdateRule rule;
    private readonly ClockPlan clocks;
    private readonly long startClock;
    private readonly AsyncProgress? resumed;
    private readonly BestKeeper best;
    private readonly long[] reached;
    private double rate = 1;
    private volatile bool over;
    private long steps, version;

    /// <summary>Copies the weights and cuts the layout.</summary>
    /// <param name="job">The job.</param>
    /// <param name="options">How it runs.</param>
    /// <param name="observer">Told what happens.</param>
    /// <param name="allocate">Makes the buffers that weights are sent from: <see cref="FloatBuffer.ToSendFrom"/> where workers may be in other processes; null where none is.</param>
    public JobHost(ClusterJob job, ClusterOptions options, Action<RunEvent> observer, Func<int, FloatBuffer>? allocate = null)
    {
        (this.job, this.options, this.observer, start) = (job.Begun(), options, observer, job);
        ClusterRules.Check(job, options);
        Timeline = options.TracePath is null ? null : new Timeline();
        Buckets = new BucketPlan(job.Layout, options.Servers, options.BucketBytes);
        rule = job.ServerRule;
        clocks = new ClockPlan(job.Plan, job.Consistency);
        startClock = clocks.StartingAt(job.StartStep);
        resumed = AsyncProgress.Of(job, startClock);
        version = job.Consistency is Consistency.Async ? resumed?.Version ?? startClock * job.Plan.Pieces : startClock;
        state = [.. rule.StateNames.Select((_, i) => job.State is { } resumed ? Copy(resumed[i]) : new FloatBuffer(job.Layout.Length))];
        WeightsCodec = TensorCodec.Create(job.WeightsCodec);
        // What a codec leaves of the weights is sent encoded.
        if (job.WeightsCodec.IsLossy) allocate = null;
        store = new WeightStore(version, Copy(job.Weights, allocate), job.Consistency.StalenessBound, allocate);
        if (job.WeightsCodec.IsLossy) published = new WeightStore(version, RoundedWeights.Of(WeightsCodec, Buckets, job.Weights), job.Consistency.StalenessBound);
        reached = new long[Buckets.Buckets.Length];
        best = new BestKeeper(store, job.BestWeights);
        steps = job.StartStep;
    }

    /// <summary>The layout, cut into buckets.</summary>
    public BucketPlan Buckets { get; }

    private OuterOptions Outer => job.Outer ?? new OuterOptions();

    /// <summary>The codec of weights on their way to workers.</summary>
    public TensorCodec WeightsCodec { get; }

    /// <summary>What servers publish: the weights as workers get them.</summary>
    public WeightStore Published => published ?? store;

    /// <summary>The threads that reduce and step.</summary>
    public ComputeGroup Group { get; } = new();

    /// <summary>Where what happens is recorded; null for nowhere.</summary>
    public Timeline? Timeline { get; }

    /// <summary>The coordinator; nobody before <see cref="Start"/>.</summary>
    public IActorRef Coordinator { get; private set; } = ActorRefs.Nobody;

    /// <summary>Starts servers and coordinator; workers may join from then on.</summary>
    public void Start(ActorSystem system, IActorClock clock, HostPlace place)
    {
        if (Coordinator != ActorRefs.Nobody) throw new InvalidOperationException("a cluster runs a job once");
        term = place.Term;
        StartCheckpoints(place);
        StartServers(system, clock, place);
        var setup = new CoordinatorSetup
        {
            Job = place.Job,
            Term = place.Term,
            Plan = job.Plan,
            Buckets = Buckets,
            Servers = servers,
            MinWorkers = place.MinWorkers,
            WorkersMayJoin = place.WorkersMayJoin,
            StartStep = startClock,
            StartVersion = version,
            Consistency = job.Consistency,
            Codec = job.Codec,
            WeightsCodec = job.WeightsCodec,
            Notes = start!.Notes,
            First = new FirstStates(start.Residuals),
            LeavesHaveState = ResidualStore.LengthOf(TensorCodec.Create(job.Codec), job.Layout, job.LeafOptimizerStates) > 0,
            ExactRecovery = options.ExactRecovery,
            Snapshots = snapshots,
            Metrics = job.Metrics,
            Watch = job.Watch,
            Best = best,
            SetRate = factor => Volatile.Write(ref rate, factor),
            LearningRate = job.LearningRate,
            Observer = OnEvent,
            Compute = Group,
            Passes = place.Passes,
            Clock = clock,
            Tick = options.Tick,
        };
        // From here on the coordinator has what the run goes on from, and lets go of it.
        start = null;
        if (place.Connect is { } connect) setup = setup with { Connect = connect };
        var made = setup;
        Coordinator = system.ActorOf(Props.Create(() => new CoordinatorActor(made)), "coordinator");
        place.CoordinatorStarted?.Invoke(Coordinator);
        _ = Coordinator.WatchAsync().ContinueWith(_ => ended.TrySetResult(new RunEvent.Failed(Defects.Tell("the coordinator stopped", Coordinator))), TaskScheduler.Default);
    }

    /// <summary>The parameter servers; none before <see cref="Start"/>.</summary>
    public ImmutableArray<IActorRef> Servers => servers;

    /// <summary>Ends when the run does; the last event.</summary>
    public Task<RunEvent> Ended => ended.Task;

    /// <summary>Asks the run to end after its step.</summary>
    public void Stop(string reason) => Coordinator.Tell(new Protocol.Schedule.Stop(reason));

    /// <summary>Ends the run at once: it cannot go on.</summary>
    public void Fail(string error) => Coordinator.Tell(new Progress.Failed(term, error));

    /// <summary>Has people read something.</summary>
    public void Note(string text) => Tell(new RunEvent.Noted(text));

    /// <summary>Tells an event in line with those of the run.</summary>
    public void Tell(RunEvent happened) => TellOrFail(happened);

    /// <summary>What the run left; to be asked once all of its actors have ended.</summary>
    public RunResult Result(RunEvent last)
    {
        // Compute threads may still be at a piece that nobody waits for; nothing is read before they are done.
        Group.Dispose();
        writer?.Dispose();
        over = true;
        // Stepped in place: state of another version than the weights would spoil what goes on from it.
        if (last is RunEvent.Interrupted cut && reached.Any(bucket => bucket != 0 && bucket != version)) last = cut with { Clean = false };
        Timeline?.WriteTo(options.TracePath!);
        bool held = store.TryRead(version, out var lease);
        var weights = Copy(held && last is not RunEvent.Failed ? lease.Weights : job.Weights);
        lease.Dispose();
        if (last is not (RunEvent.Failed or RunEvent.RolledBack or RunEvent.Interrupted { Clean: false }) && writer is not null && writer.Saved != steps && steps != job.StartStep)
        {
            var notes = new Dictionary<string, string>(snapshots!.Last);
            // Whole steps: what was begun of others was ended first.
            if (job.Consistency is Consistency.Async) notes[AsyncProgress.Note] = new AsyncProgress(version, []).ToText();
            writer.Save(steps, weights, state, notes, snapshots.LastResiduals, snapshots.LastBest);
        }
        // The first steps are slower.
        var timeline = Timeline is null ? null : TimelineSummary.Of(Timeline.Spans, startClock + Math.Min(10, (version - startClock) / 2));
        return new RunResult { Last = last, Layout = job.Layout, Steps = steps, Weights = weights, State = state, BestWeights = last is RunEvent.Failed ? null : best.Weights, Timeline = timeline is { Steps: > 0 } ? timeline : null };
    }

    /// <summary>Ends threads, also of a run that was never started.</summary>
    public void Close()
    {
        Group.Dispose();
        writer?.Dispose();
    }

    private void StartCheckpoints(HostPlace place)
    {
        if (options.Checkpoints is not { } plan) return;
        if (place.Settled is { } settled) plan = plan with { Job = JobJson.Of(settled), Numerics = settled.Numerics };
        writer = new CheckpointWriter(plan, job, () => snapshots!, term, happened =>
        {
            if (happened is not RunEvent.CheckpointDone done || place.Saved?.Invoke(done) != true) TellOrFail(happened);
        });
        // Between rounds of local steps only.
        long everyClock = (plan.Every - 1) / clocks.StepsPerClock + 1;
        snapshots = new Snapshots(Buckets, state.Length, everyClock, writer.Post);
    }

    private void StartServers(ActorSystem system, IActorClock clock, HostPlace place)
    {
        var started = ImmutableArray.CreateBuilder<IActorRef>();
        for (int i = 0; i < options.Servers; i++)
        {
            var setup = new ServerSetup
            {
                Id = new ServerId(i),
                Job = place.Job,
                Term = place.Term,
                Head = i == 0 ? null : started[0],
                Plan = job.Plan,
                Buckets = Buckets,
                Rule = rule,
                LearningRate = job.Consistency is Consistency.Local ? _ => Outer.LearningRate : LearningRate,
                State = state,
                Store = store,
                Published = published,
                WeightsCodec = WeightsCodec,
                StartStep = startClock,
                Resumed = resumed,
                Consistency = job.Consistency,
                OnNonFinite = job.OnNonFinite,
                Compute = Group,
                Timeline = Timeline,
                Reached = reached,
                Snapshots = snapshots,
                Passes = place.Passes,
                Clock = clock,
                Tick = options.Tick,
            };
            if (place.Connect is { } connect) setup = setup with { Connect = connect };
            var made = setup;
            var props = job.Consistency is Consistency.Async ? Props.Create(() => new AsyncServerActor(made)) : Props.Create(() => new ParameterServerActor(made));
            var server = system.ActorOf(props.WithDispatcher(ActorTurns.Dispatcher), $"server-{i}");
            place.ServerStarted?.Invoke(server, i);
            started.Add(server);
        }
        servers = started.ToImmutable();
    }

    /// <summary>Events come from the coordinator's thread and from the one that writes checkpoints; they are told one at a time.</summary>
    private void OnEvent(RunEvent happened)
    {
        lock (telling)
        {
            if (happened is RunEvent.StepDone step) (steps, version) = (step.Step + 1, step.Version);
            observer(happened);
        }
        if (happened is RunEvent.Finished or RunEvent.Interrupted or RunEvent.Failed or RunEvent.RolledBack) ended.TrySetResult(happened);
        if (happened is RunEvent.CheckpointFailed { InARow: >= CheckpointWriter.MostFailures } failed)
            Coordinator.Tell(new Progress.Failed(term, $"{failed.InARow} checkpoints in a row could not be written: {failed.Error}"));
    }

    /// <summary>An observer that throws fails the run, also where the thread is the one that writes checkpoints.</summary>
    private void TellOrFail(RunEvent happened)
    {
        try
        {
            OnEvent(happened);
        }
        catch (Exception error) when (!over)
        {
            Coordinator.Tell(new Progress.Failed(term, error.Message));
        }
    }

    /// <summary>The schedule's rate, lowered where a plateau asks for it; that changes between epochs only, while nobody steps.</summary>
    private double LearningRate(long step) => Volatile.Read(ref rate) is var factor && factor == 1 ? job.LearningRate(step) : job.LearningRate(step) * factor;

    private static FloatBuffer Copy(FloatBuffer source, Func<int, FloatBuffer>? allocate = null)
    {
        var copy = allocate?.Invoke(source.Length) ?? new FloatBuffer(source.Length);
        source.Span.CopyTo(copy.Span);
        return copy;
    }
}
