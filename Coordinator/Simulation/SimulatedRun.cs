using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Optim;
using DistTrain.Protocol;
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
    private const long GiveUp = 20_000_000;

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
    private readonly BucketPlan buckets = new(TinyReplica.TinyLayout, 1, 1 << 20);
    private readonly FloatBuffer[] state;
    private readonly WeightStore store;
    private readonly Func<IReplica> replica;
    private readonly InvariantChecks checks;
    private LinkRef? serverAddress, coordinatorAddress;
    private IActorRef? server, coordinator;
    private RunEvent? last;
    private long steps;

    public SimulatedRun(SimulationHost host, SimulationOptions options, long seed, SimulationTrace trace, Func<IReplica> replica)
    {
        this.host = host;
        this.options = options;
        this.replica = replica;
        Plan = PlanOf(options);
        random = new Random(unchecked((int)(seed * 2654435761L + (seed >> 32))));
        network = new SimulatedNetwork(queue, random, trace);
        home = new SimulatedNode(-1, "home", queue, () => 50) { IsAlive = true };
        planted = options.Bug == PlantedBug.LateStaleness ? new Consistency.Ssp(options.Consistency.StalenessBound + 1) : options.Consistency;
        var rule = new SGDRule(new SGDOptions(Momentum: 0.9));
        state = [.. rule.StateNames.Select(_ => new FloatBuffer(TinyReplica.TinyLayout.Length))];
        store = new WeightStore(0, TinyReplica.InitialWeights(), planted.StalenessBound);
        checks = new InvariantChecks(seed, Plan, options.Consistency.StalenessBound);
        network.Sent = checks.Sent;
        StartHome(rule);
        for (int i = 0; i < options.Workers; i++) AddWorker();
        Faults = FaultPlan.Draw(random, options.Faults, options.Workers);
        queue.Add(DetectorMicroseconds, null, WatchNodes);
        foreach (var fault in Faults) queue.AddAt(fault.Time, null, () => Happen(fault));
    }

    /// <summary>The small job of every run: 20 steps of which each fifth has a batch that S does not divide.</summary>
    public static JobPlan PlanOf(SimulationOptions options)
    {
        int batch = options.Shards * 4;
        return new JobPlan { TrainCount = batch * 37 / 8, TestCount = 300, BatchSize = batch, Shards = options.Shards, Epochs = 4, Seed = 1 };
    }

    private JobPlan Plan { get; }

    /// <summary>The faults that were drawn.</summary>
    public IReadOnlyList<Fault> Faults { get; }

    /// <summary>Runs to the job's end, or until nothing happens any more; returns the weights' hash and the broken promises.</summary>
    public (string Weights, List<Violation> Violations) Run(string? undisturbed)
    {
        while (last is null && queue.Microseconds < GiveUp && queue.Step()) { }
        string weights = "";
        if (last is RunEvent.Finished finished && store.TryRead(steps, out var lease))
        {
            weights = TinyReplica.TinyLayout.WeightsSha256(lease.Weights.Span);
            checks.Ended(finished, weights, options.Consistency is Consistency.Bsp ? undisturbed : null);
        }
        else
        {
            checks.NeverEnded(last, queue.Microseconds, steps);
        }
        foreach (var node in workers)
            if (node.Actor is { } actor) host.Stop(actor);
        host.Stop(server!);
        host.Stop(coordinator!);
        queue.Clear();
        return (weights, checks.Violations);
    }

    private void StartHome(UpdateRule rule)
    {
        serverAddress = network.Address(host, home, "server");
        coordinatorAddress = network.Address(host, home, "coordinator");
        var clock = queue.ClockOf(home);
        var serverSetup = new ServerSetup
        {
            Job = Job, Plan = Plan, Buckets = buckets, Rule = rule, LearningRate = _ => 0.1, State = state, Store = store, Consistency = planted,
            Compute = new SimulatedServerCompute(queue, home), Clock = clock, Tick = Tick, Bug = options.Bug,
        };
        server = host.Create(() => new ParameterServerActor(serverSetup));
        network.Bind(serverAddress, server);
        var coordinatorSetup = new CoordinatorSetup
        {
            Job = Job, Plan = Plan, Buckets = buckets, Servers = [serverAddress], MinWorkers = options.Faults.Count == 0 ? options.Workers : 1, WorkersMayJoin = true, Observer = OnEvent, Clock = clock, Tick = Tick,
        };
        coordinator = host.Create(() => new CoordinatorActor(coordinatorSetup));
        network.Bind(coordinatorAddress, coordinator);
    }

    private void AddWorker()
    {
        var node = new SimulatedNode(workers.Count, $"w{workers.Count}", queue, () => random.NextInt64(1_000, 3_000));
        workers.Add(node);
        node.Address = network.Address(host, node, node.Name);
        StartWorker(node);
    }

    private void StartWorker(SimulatedNode node)
    {
        node.IsAlive = true;
        node.Incarnation++;
        var setup = new WorkerSetup
        {
            Name = node.Name, Incarnation = new Incarnation(node.Incarnation), Coordinator = coordinatorAddress!, Plan = Plan, Buckets = buckets, Consistency = planted, Speculate = options.Speculate,
            CreateReplica = replica, Compute = node, Store = store, Clock = queue.ClockOf(node), Tick = Tick, SpeculateAfter = TimeSpan.FromMilliseconds(2),
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
            case RunEvent.StepDone step: steps = step.Step + 1; checks.StepDone(step); break;
            case RunEvent.Finished or RunEvent.Failed or RunEvent.Interrupted: last = happened; break;
        }
    }
}
