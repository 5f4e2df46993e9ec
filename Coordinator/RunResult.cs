using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator;

/// <summary>How a run ended and what it left.</summary>
public sealed record RunResult
{
    /// <summary>The last event: <see cref="RunEvent.Finished"/>, <see cref="RunEvent.Interrupted"/> or <see cref="RunEvent.Failed"/>.</summary>
    public required RunEvent Last { get; init; }

    /// <summary>Where parameters stand in <see cref="Weights"/>.</summary>
    public required ParameterLayout Layout { get; init; }

    /// <summary>Steps in the weights; 0 after a failure before the first.</summary>
    public required long Steps { get; init; }

    /// <summary>The weights and buffers; those of the start after a failure.</summary>
    public required FloatBuffer Weights { get; init; }

    /// <summary>The optimizer's state, one buffer per state name of its rule; of no use after a failure.</summary>
    public required FloatBuffer[] State { get; init; }

    /// <summary>The best epoch's weights and buffers; null where no epoch was watched, and after a failure.</summary>
    public FloatBuffer? BestWeights { get; init; }

    /// <summary>What the timeline comes to, without the first steps, which are slower; null where none was recorded, or its steps are other processes'.</summary>
    public TimelineSummary? Timeline { get; init; }

    /// <summary>The totals; null after a failure.</summary>
    public RunTotals? Totals => Last switch
    {
        RunEvent.Finished finished => finished.Totals,
        RunEvent.Interrupted interrupted => interrupted.Totals,
        _ => null,
    };

    /// <summary><c>weights_sha256</c>.</summary>
    public string WeightsSha256 => Layout.WeightsSha256(Weights.Span);

    /// <summary><c>state_sha256</c>.</summary>
    public string StateSha256 => StateHash.Compute(Layout, Weights, State, Steps);
}
