using Akka.Actor;
using DistTrain.Optim;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker.Compute;

namespace DistTrain.Worker;

/// <summary>All that a worker needs: its job, its place, and the parts that a simulation replaces.</summary>
public sealed record WorkerSetup
{
    /// <summary>The node's name, the same in each of its lifetimes.</summary>
    public required string Name { get; init; }

    /// <summary>Which lifetime this is.</summary>
    public Incarnation Incarnation { get; init; } = new(1);

    /// <summary>Where it reports to.</summary>
    public required IActorRef Coordinator { get; init; }

    /// <summary>Told why, when the coordinator does not take it in; it stops then.</summary>
    public Action<string> Refused { get; init; } = _ => { };

    /// <summary>Told what went wrong, when the worker's actor ends by a defect.</summary>
    public Action<Exception> Failed { get; init; } = _ => { };

    /// <summary>The job's schedule.</summary>
    public required JobPlan Plan { get; init; }

    /// <summary>The job's layout, cut into buckets.</summary>
    public required BucketPlan Buckets { get; init; }

    /// <summary>How far it may run ahead.</summary>
    public Consistency Consistency { get; init; } = Consistency.Default;

    /// <summary>The run's clocks.</summary>
    internal ClockPlan Clocks => new(Plan, Consistency);

    /// <summary>The optimizer's arithmetic, for local steps.</summary>
    public UpdateRule? Rule { get; init; }

    /// <summary>The learning rate of a step, from 0, for local steps.</summary>
    public Func<long, double> LearningRate { get; init; } = _ => 0;

    /// <summary>Whether the loss's denominator of a piece is its number of samples, as for a plain mean.</summary>
    public bool SampleCountDenominators { get; init; } = true;

    /// <summary>Computes shards that others are slow with, when it has nothing else to do.</summary>
    public bool Speculate { get; init; }

    /// <summary>How long it is idle before it asks what others are slow with; only with <see cref="Speculate"/>.</summary>
    public TimeSpan SpeculateAfter { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Where it records what it does when; null for nowhere.</summary>
    public Timeline? Timeline { get; init; }

    /// <summary>Makes the buffers that gradients are sent from: <see cref="FloatBuffer.ToSendFrom"/> where servers may be in other processes and get them as they are; null for ones of this process alone.</summary>
    public Func<int, FloatBuffer>? Allocate { get; init; }

    /// <summary>The codec of gradients.</summary>
    public CodecSpec Codec { get; init; } = CodecSpec.None;

    /// <summary>The states of the node's leaves, where the codec or local steps keep any; shared by the workers of a process.</summary>
    public ResidualStore Residuals
    {
        get => field ??= new ResidualStore(TensorCodec.Create(Codec), Buckets.Layout, LeafOptimizerStates(Consistency, Rule));
        init;
    }

    /// <summary>Optimizer state buffers that every leaf has of its own.</summary>
    public static int LeafOptimizerStates(Consistency consistency, UpdateRule? rule) => consistency is Consistency.Local && rule is not null ? rule.StateNames.Count : 0;

    /// <summary>Whether leaves are sent one by one instead of in summed blocks: to be compared one by one, or because a lossy codec is applied to each.</summary>
    public bool LeafByLeaf => Speculate || Codec.IsLossy || Consistency is Consistency.Async;

    /// <summary>Makes the worker's replica; called once, on its compute thread.</summary>
    public required Func<IReplica> CreateReplica { get; init; }

    /// <summary>The worker's compute thread.</summary>
    public required IComputeQueue Compute { get; init; }

    /// <summary>The weights that its node holds.</summary>
    public required WeightStore Store { get; init; }

    /// <summary>Opens a channel from the worker (second) to a server (first).</summary>
    public Func<IActorRef, IActorRef, ITensorChannel> Connect { get; init; } = (server, worker) => new InProcessChannel(server, worker);

    /// <summary>Its clock.</summary>
    public required IActorClock Clock { get; init; }

    /// <summary>How often it reports, and asks again for what did not come.</summary>
    public TimeSpan Tick { get; init; } = TimeSpan.FromSeconds(1);
}
