using Akka.Actor;
using DistTrain.Optim;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker.Compute;

namespace DistTrain.Coordinator;

/// <summary>All that a parameter server needs: its job, its range, and the parts that a simulation replaces.</summary>
public sealed record ServerSetup
{
    /// <summary>Which server it is.</summary>
    public ServerId Id { get; init; }

    /// <summary>The job.</summary>
    public required JobId Job { get; init; }

    /// <summary>The coordinator's term that it serves.</summary>
    public Term Term { get; init; } = new(1);

    /// <summary>The server that combines norms; null for itself.</summary>
    public IActorRef? Head { get; init; }

    /// <summary>The job's schedule.</summary>
    public required JobPlan Plan { get; init; }

    /// <summary>The layout, cut into buckets and servers' ranges.</summary>
    public required BucketPlan Buckets { get; init; }

    /// <summary>The optimizer's arithmetic.</summary>
    public required UpdateRule Rule { get; init; }

    /// <summary>The learning rate of a step, from 0.</summary>
    public required Func<long, double> LearningRate { get; init; }

    /// <summary>The optimizer's state buffers, of which the server uses its range.</summary>
    public required FloatBuffer[] State { get; init; }

    /// <summary>The weights' versions.</summary>
    public required WeightStore Store { get; init; }

    /// <summary>The weights as workers get them, rounded by <see cref="WeightsCodec"/>; null where they get them as they are.</summary>
    public WeightStore? Published { get; init; }

    /// <summary>The codec of weights.</summary>
    public TensorCodec WeightsCodec { get; init; } = TensorCodec.Create(CodecSpec.None);

    /// <summary>Clocks that are already in the weights: steps, or rounds of local steps.</summary>
    public long StartStep { get; init; }

    /// <summary>The version to start from; <see cref="StartStep"/>, but under <c>async</c>, where every piece makes one.</summary>
    public long StartVersion => Consistency is Consistency.Async ? Resumed?.Version ?? StartStep * Plan.Pieces : StartStep;

    /// <summary>Under <c>async</c>, what a run that goes on has done beyond <see cref="StartStep"/>; null for nothing.</summary>
    internal Reduction.AsyncProgress? Resumed { get; init; }

    /// <summary>How far workers may run apart.</summary>
    public Consistency Consistency { get; init; } = Consistency.Default;

    /// <summary>What happens to a step whose averaged gradient is not finite.</summary>
    public OnNonFinite OnNonFinite { get; init; }

    /// <summary>The threads that reduce and step.</summary>
    public required ISharedQueue Compute { get; init; }

    /// <summary>Opens a channel to a worker (first) from the server (second).</summary>
    public Func<IActorRef, IActorRef, ITensorChannel> Connect { get; init; } = (worker, server) => new InProcessChannel(worker, server);

    /// <summary>Its clock.</summary>
    public required IActorClock Clock { get; init; }

    /// <summary>How often it asks again for what did not come.</summary>
    public TimeSpan Tick { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Where it records what it does when; null for nowhere.</summary>
    public Timeline? Timeline { get; init; }

    /// <summary>Written, by bucket, the version that optimizer state is being stepped to; null for nowhere.</summary>
    internal long[]? Reached { get; init; }

    /// <summary>Takes copies for checkpoints; null for none.</summary>
    internal Checkpoints.Snapshots? Snapshots { get; init; }

    /// <summary>Whether the server (first) may act on the end of a bucket's work (second) now; where not, the message comes again when it may.</summary>
    public Func<IActorRef, object, bool> Passes { get; init; } = (_, _) => true;

    /// <summary>A mistake put in on purpose, for tests of the simulator.</summary>
    internal Simulation.PlantedBug Bug { get; init; }

    /// <summary>Whether a step needs something that only the whole gradient tells: clipping, or skipping it.</summary>
    public bool NeedsVerdict => Plan.ClipNorm is not null || OnNonFinite == OnNonFinite.Skip;
}
