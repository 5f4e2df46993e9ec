using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker.Compute;

namespace DistTrain.Coordinator;

/// <summary>All that the coordinator needs: its job, its servers, and the parts that a simulation replaces.</summary>
public sealed record CoordinatorSetup
{
    /// <summary>The job.</summary>
    public required JobId Job { get; init; }

    /// <summary>Its reign.</summary>
    public Term Term { get; init; } = new(1);

    /// <summary>The job's schedule.</summary>
    public required JobPlan Plan { get; init; }

    /// <summary>The layout and its buckets.</summary>
    public required BucketPlan Buckets { get; init; }

    /// <summary>The parameter servers, in order.</summary>
    public required ImmutableArray<IActorRef> Servers { get; init; }

    /// <summary>The codec of gradients.</summary>
    public CodecSpec Codec { get; init; } = CodecSpec.None;

    /// <summary>The codec of weights.</summary>
    public CodecSpec WeightsCodec { get; init; } = CodecSpec.None;

    /// <summary>Workers to wait for before the first step.</summary>
    public int MinWorkers { get; init; } = 1;

    /// <summary>How far workers may run apart.</summary>
    public Consistency Consistency { get; init; } = Consistency.Default;

    /// <summary>Clocks that are already in the weights: steps, or rounds of local steps.</summary>
    public long StartStep { get; init; }

    /// <summary>The weights' version at the start, where that is not <see cref="StartStep"/>: under <c>async</c> every piece makes one.</summary>
    public long? StartVersion { get; init; }

    /// <summary>Whether workers may still join after the last one is lost; else the run then fails.</summary>
    public bool WorkersMayJoin { get; init; }

    /// <summary>Told every event, in order, on the coordinator's thread: return soon.</summary>
    public required Action<RunEvent> Observer { get; init; }

    /// <summary>The threads that sum evaluations.</summary>
    public required ISharedQueue Compute { get; init; }

    /// <summary>Its clock.</summary>
    public required IActorClock Clock { get; init; }

    /// <summary>The figures that the run goes on from, as a checkpoint's notes.</summary>
    public IReadOnlyDictionary<string, string>? Notes { get; init; }

    /// <summary>Whether leaves have a state that lives with the worker which computes them: error feedback of the codec, optimizer state of local steps.</summary>
    public bool LeavesHaveState
    {
        get => field || Codec.HasState;
        init;
    }

    /// <summary>The states of leaves that the run goes on from.</summary>
    internal Scheduling.FirstStates First { get; init; } = new([]);

    /// <summary>Whether a lost state of a leaf ends the run, to go on from the last checkpoint.</summary>
    public bool ExactRecovery { get; init; }

    /// <summary>Opens a channel to a worker (first) from the coordinator (second).</summary>
    public Func<IActorRef, IActorRef, ITensorChannel> Connect { get; init; } = (worker, coordinator) => new InProcessChannel(worker, coordinator);

    /// <summary>What evaluations measure.</summary>
    public MetricPlan Metrics { get; init; } = MetricPlan.None;

    /// <summary>Looks at epochs: the best one, early stopping, plateaus; null for not.</summary>
    public EpochWatch? Watch { get; init; }

    /// <summary>Keeps the weights of the best epoch, which are at a version that nothing has followed yet.</summary>
    internal Scheduling.BestKeeper? Best { get; init; }

    /// <summary>Takes the factor on the schedule's learning rate that holds from now on.</summary>
    public Action<double> SetRate { get; init; } = _ => { };

    /// <summary>The learning rate of a step, without that factor, for whoever watches.</summary>
    public Func<long, double>? LearningRate { get; init; }

    /// <summary>Whether the coordinator (first) may act on the end of an evaluation (second) now; where not, the message comes again when it may.</summary>
    public Func<IActorRef, object, bool> Passes { get; init; } = (_, _) => true;

    /// <summary>Takes its notes for checkpoints; null for none.</summary>
    internal Checkpoints.Snapshots? Snapshots { get; init; }

    /// <summary>How often it asks again for what did not come.</summary>
    public TimeSpan Tick { get; init; } = TimeSpan.FromSeconds(1);
}
