using DistTrain.Tensors;

namespace DistTrain.Coordinator.Checkpoints;

/// <summary>
/// Everything that a run needs to go on from a step to the same bits. The buffers are a snapshot: nobody writes to them any more.
/// </summary>
public sealed record Checkpoint
{
    /// <summary>The name, among <see cref="Extra"/>, of the best epoch's weights.</summary>
    public const string BestWeights = "best";

    /// <summary>Steps done.</summary>
    public required long Step { get; init; }

    /// <summary>The reign of the coordinator that wrote it.</summary>
    public required long Term { get; init; }

    /// <summary>The job, as its JSON: what resume compares.</summary>
    public required string Job { get; init; }

    /// <summary>Logical shards S.</summary>
    public required int Shards { get; init; }

    /// <summary>The job's numerics level.</summary>
    public required string Numerics { get; init; }

    /// <summary><c>ParameterLayout.Hash</c> of the model.</summary>
    public required string LayoutHash { get; init; }

    /// <summary>The data's fingerprint.</summary>
    public required string DataFingerprint { get; init; }

    /// <summary>What is known of the data, as the JSON of a <see cref="Data.DataCard"/>: what using the model takes where the data is not at hand. Null where nothing was said.</summary>
    public string? DataCard { get; init; }

    /// <summary>Parameters and buffers, laid out.</summary>
    public required FloatBuffer Weights { get; init; }

    /// <summary>The optimizer's state buffers by name, laid out like the weights.</summary>
    public IReadOnlyList<(string Name, FloatBuffer Values)> OptimizerState { get; init; } = [];

    /// <summary>Further float state by name: best weights, outer optimizer, residuals.</summary>
    public IReadOnlyList<(string Name, FloatBuffer Values)> Extra { get; init; } = [];

    /// <summary>Small state by name: schedule, early stopping, metric sums.</summary>
    public IReadOnlyDictionary<string, string> Notes { get; init; } = new Dictionary<string, string>();
}
