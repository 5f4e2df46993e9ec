using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Coordinator.Reduction;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker;

namespace DistTrain.Coordinator.Simulation;

/// <summary>One seed: the real actors on simulated nodes, under that seed's faults.</summary>
internal sealed class SimulatedRun
{
    private const long TickMicroseconds = 20_000;
    private const long DetectionMicroseconds = 15_000;
    private const long DetectorMicroseconds = 3_000;

    private static readonly TimeSpan Tick = TimeSpan.FromMicroseconds(TickMicroseconds);
    private static readonly JobId Job = new(new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));

    private readonly SimulationHost host;
    private readonly SimulationOptions options;
    private readonly SimulatedNetwork network;
    private readonly EventQueue queue = new();
    private readonly Random random;
    private readonly List<SimulatedNode> workers = [];
    private readonly SimulatedNode home;
    private readonly Dictionary<string, (WorkerId Worker, Incarnation Incarnation)> joined = [];
    private readonly Consistency planted;
    private readonly ClusterJob job;
    private readonly BucketPlan buckets;
    private readonly FloatBuffer[] state;
    private readonly WeightStore store;
    private readonly WeightStore? published;
    private readonly TensorCodec codec, weightsCodec;
    private readonly StateChain? states;
    private readonly InvariantChecks checks;
    private readonly List<IActorRef> servers = [];
    private LinkRef? coordinatorAddress, head;
    private IActorRef? coordinator;
    private RunEvent? last;
    private long steps, version;

    public SimulatedRun(SimulationHost host, SimulationOptions options, long seed, SimulationTrace trace, ClusterJob job)
    {
        this.host = host;
        this.options = options;
        this.job = job;
        buckets = new BucketPlan(job.Layout, options.Servers, options.BucketBytes);
        random = new Random(unchecked((int)(seed * 2654435761L + (seed >> 32))));
        network = new SimulatedNetwork(queue, random, trace);
        home = new SimulatedNode(-1, "home", queue, () => 50) { IsAlive = true };
        planted = options.Bug == PlantedBug.LateStaleness ? new Consistency.Ssp(options.Consistency.StalenessBound + 1) : options.Consistency;
        state = [.. job.Rule.StateNames.Select(_ => new FloatBuffer(job.Layout.Length))];
        var weights = new FloatBuffer(job.Layout.Length);
        job.Weights.Span.CopyTo(weights.Span);
        store = new WeightStore(0, weights, planted.StalenessBound);
        checks = new InvariantChecks(seed, Plan, options.Consistency);
        (codec, weightsCodec) = (TensorCodec.Create(options.Codec), TensorCodec.Create(options.WeightsCodec));
        if (options.WeightsCodec.IsLossy) published = new WeightStore(0, RoundedWeights.Of(weightsCodec, buckets, job.Weights), planted.StalenessBound);
        network.Sent = checks.Sent;
        if (options.Codec.HasState)
        {
            states = new StateChain(buckets);
            network.Sent += states.Sent;
            network.Arrived = message => Arrived(message, states);
        }
        network.Hold = message => message is TensorArrived { Header: Weights.Published sent } && (published ?? store).TryRead(sent.Version, out var held) ? held : null;
        if (options.StopAt is { } stop) network.AtBoundary = node =>
        {
            if (node.Number == stop.Worker && Boundaries++ == stop.Message) Crash(node);
        };
        StartHome();
        for (int i = 0; i < options.Workers; i++) AddWorker();
        Faults = FaultPlan.Draw(random, options.Faults, options.Workers);
        queue.Add(DetectorMicroseconds, null, WatchNodes);
        foreach (var fault in Faults) queue.AddAt(fault.Time, null, () => Happen(fault));
    }

    private JobPlan Plan => job.Plan;

    /// <summary>The messages that the worker to stop sent and got.</summary>
    public int Boundaries { get; private set; }

    /// <summary>The faults that were drawn.</summary>
    public IReadOnlyList<Fault> Faults { get; }

    /// <summary>Whether a worker may die, or be taken for dead.</summary>
    private bool MayLoseWorkers => options.StopAt is not null || Faults.Any(fault => fault.Kind is FaultKind.Crash or FaultKind.Restart or FaultKind.Pause or FaultKind.Partition or FaultKind.Loss);

    /// <summary>Real time that coordinator and server took, in the stopwatch's ticks.</summary>
    public long HomeTicks => home.Ticks;

    /// <summary>Pieces that waited for weights after they had begun, and those of them that were given up.</summary>
    public (int Waits, int GivenUp) Early => (workers.Sum(node => node.Waits), workers.Sum(node => node.GivenUp));

    /// <summary>States of shards that arrived where their shards had moved to.</summary>
    public int Moves { get; private set; }

    /// <summary>States of shards that were lost with their workers.</summary>
    public int StatesLost { get; private set; }

    /// <summary>Runs to the job's end, or until nothing happens any more; returns the weights' hash and the broken promises.</summary>
    public (string Weights, List<Violation> Violations) Run(string? undisturbed)
    {
        while (last is null && queue.Microseconds < options.GiveUpMicroseconds && queue.Step()) { }
        string weights = "";
        if (last is RunEvent.Finished finished && store.TryRead(version, out var lease))
        {
            weights = job.Layout.WeightsSha256(lease.Weights.Span);
            checks.Ended(finished, weights, options.Consistency is Consistency.Bsp or Consistency.Ssp { Staleness: 0 } && StatesLost == 0 ? undisturbed : null);
            // Where a worker is lost under ssp:s, what it had in flight may count beside what others compute in its place.
            if (StatesLost == 0 && (options.Consistency.StalenessBound == 0 || !MayLoseWorkers) && states?.Broken(version) is { } broken) checks.StateBroken(broken);
        }
        else
        {
            checks.NeverEnded(last, queue.Microseconds, steps);
        }
        foreach (var node in workers)
            if (node.Actor is { } actor) host.Stop(actor);
        foreach (var server in servers) host.Stop(server);
        host.Stop(coordinator!);
        queue.Clear();
        return (weights, checks.Violations);
    }

    private void Arrived(object message, StateChain chain)
    {
        chain.Arrived(message);
        if (message is not TensorArrived { Header: Residuals.State } state) return;
        Moves++;
        if (options.Bug == PlantedBug.LostState) state.Tensor.Span.Clear();
    }

    private void StartHome()
    {
        var addresses = ImmutableArray.CreateBuilder<IActorRef>(options.Servers);
        coordinatorAddress = network.Address(host, home, "coordinator");
        var clock = queue.ClockOf(home);
        for (int i = 0; i < options.Servers; i++) addresses.Add(StartServer(i, clock));
        var coordinatorSetup = new CoordinatorSetup
        {
            Job = Job, Plan = Plan, Buckets = buckets, Servers = addresses.MoveToImmutable(), MinWorkers = options.Faults.Count == 0 && options.StopAt is null ? options.Workers : 1, WorkersMayJoin = true, Observer = OnEvent,
            Compute = new SimulatedServerCompute(queue, home), Clock = clock, Tick = Tick, Consistency = options.Consistency, Codec = options.Codec, WeightsCodec = options.WeightsCodec,
        };
        coordinator = host.Create(() => new CoordinatorActor(coordinatorSetup));
        network.Bind(coordinatorAddress, coordinator);
    }

    private LinkRef StartServer(int number, IActorClock clock)
    {
        var address = network.Address(host, home, $"server-{number}");
        var setup = new ServerSetup
        {
            Id = new ServerId(number), Head = number == 0 ? null : head, Job = Job, Plan = Plan, Buckets = buckets, Rule = job.Rule, LearningRate = job.LearningRate, State = state, Store = store, Published = published, WeightsCodec = weightsCodec, Consistency = planted,
            Compute = new SimulatedServerCompute(queue, home), Clock = clock, Tick = Tick, Bug = options.Bug,
        };
        var server = options.Consistency is Consistency.Async ? host.Create(() => new AsyncServerActor(setup)) : host.Create(() => new ParameterServerActor(setup));
        network.Bind(address, server);
        servers.Add(server);
        head ??= address;
        return address;
    }

    private void AddWorker()
    {
        var node = new SimulatedNode(workers.Count, $"w{workers.Count}", queue, options.ComputeMicroseconds?.Invoke(workers.Count) ?? (() => random.NextInt64(1_000, 3_000)));
        workers.Add(node);
        node.Address = network.Address(host, node, node.Name);
        StartWorker(node);
    }

    private void StartWorker(SimulatedNode node)
    {
        node.IsAlive = true;
        node.Incarnation++;
        var own = new WeightStore(-1, new FloatBuffer(job.Layout.Length), planted.StalenessBound);
        node.Weights = new WeightPlacer(buckets, own);
        var setup = new WorkerSetup
        {
            Name = node.Name, Incarnation = new Incarnation(node.Incarnation), Coordinator = coordinatorAddress!, Plan = Plan, Buckets = buckets, Consistency = planted, Speculate = options.Speculate,
            CreateReplica = () => job.CreateReplica(node.Number), Compute = node, Store = own, Clock = queue.ClockOf(node), Tick = Tick, SpeculateAfter = TimeSpan.FromMilliseconds(2),
            Codec = options.Codec, Residuals = new ResidualStore(codec, job.Layout) { Encoded = states is null ? null : states.Encoded },
        };
        node.Actor = host.Create(() => new WorkerActor(setup));
        network.Bind(node.Address, node.Actor);
    }

    private void Happen(Fault fault)
    {
        long until = Math.Min(queue.Microseconds + fault.Length, FaultPlan.Deadline);
        var node = fault.Worker < 0 ? home : workers[fault.Worker];
        switch (fault.Kind)
        {
            case FaultKind.Delay: node.DelayedUntil = until; break;
            case FaultKind.Reorder: network.ReorderUntil = until; break;
            case FaultKind.Duplicate: network.Duplicate(until, fault.Strength * 0.5); break;
            case FaultKind.Loss: network.Lose(until, node, fault.Strength * 0.5); break;
            case FaultKind.Pause: node.StandsStillUntil = until; break;
            case FaultKind.Partition: node.CutOffUntil = until; break;
            case FaultKind.Crash: Crash(node); break;
            case FaultKind.Restart:
                if (!node.IsAlive) break;
                Crash(node);
                queue.Add(fault.Length, null, () => { if (!node.IsAlive) StartWorker(node); });
                break;
            case FaultKind.Join: AddWorker(); break;
            case FaultKind.Leave: queue.Add(0, node, () => node.Actor?.Tell(WorkerActor.Leave.Instance, ActorRefs.NoSender)); break;
            case FaultKind.Slow:
                node.SlowUntil = until;
                node.Slowness = 2 + (int)(fault.Strength * 8);
                break;
        }
    }

    private void Crash(SimulatedNode node)
    {
        if (!node.IsAlive) return;
        node.Die();
        if (node.Actor is { } actor) host.Stop(actor);
        node.Actor = null;
        network.Unbind(node.Address);
    }

    /// <summary>The failure detector: a node that is silent for long, or that came back as another incarnation, is given up; the coordinator is told, as the cluster would tell it.</summary>
    private void WatchNodes()
    {
        queue.Add(DetectorMicroseconds, null, WatchNodes);
        long now = queue.Microseconds;
        foreach (var node in workers)
        {
            bool silent = !node.IsAlive || node.StandsStillUntil > now || node.CutOffUntil > now || home.CutOffUntil > now || home.StandsStillUntil > now;
            // One that left is gone, and whoever watches it hears of that.
            silent |= node.Actor is LocalActorRef { Cell.IsTerminated: true };
            if (!silent) node.SilentSince = now;
            if (!joined.TryGetValue(node.Name, out var known)) continue;
            if (now - node.SilentSince < DetectionMicroseconds && known.Incarnation.Value == node.Incarnation) continue;
            joined.Remove(node.Name);
            queue.Add(0, home, () => coordinator!.Tell(new Membership.Lost(known.Worker, known.Incarnation, (now - node.SilentSince) / 1000.0), ActorRefs.NoSender));
        }
    }

    private void OnEvent(RunEvent happened)
    {
        switch (happened)
        {
            case RunEvent.WorkerJoined worker: joined[worker.Name] = (worker.Worker, worker.Incarnation); break;
            case RunEvent.StepDone step: (steps, version) = (step.Step + 1, step.Version); checks.StepDone(step); break;
            case RunEvent.Warning { Setting: "--exact-recovery" } warning:
                StatesLost++;
                // A node that is silent is taken for dead, and its states with it; nothing else may lose one.
                if (!MayLoseWorkers) checks.StateBroken(warning.Text);
                break;
            case RunEvent.EpochDone epoch when options.Until?.Invoke(epoch, queue.Now) ?? false: last = happened; break;
            case RunEvent.Finished or RunEvent.Failed or RunEvent.Interrupted: last = happened; break;
        }
    }
}
