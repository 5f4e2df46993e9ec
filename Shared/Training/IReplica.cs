using DistTrain.Tensors;

namespace DistTrain.Training;

/// <summary>A piece to compute: a logical shard's part of one step's global batch.</summary>
/// <param name="Step">The step, from 0.</param>
/// <param name="Shard">The logical shard, in [0, S).</param>
/// <param name="Micro">The piece's number within the shard under gradient accumulation, in [0, n).</param>
public readonly record struct PieceId(long Step, int Shard, int Micro = 0);

/// <summary>What computing a piece found.</summary>
/// <param name="Samples">The number of samples; 0 for an empty piece, whose gradient is absent, not zero.</param>
/// <param name="Denominator">The loss's own denominator d_i: samples, or the sum of counted weights.</param>
/// <param name="LossSum">The loss times its denominator.</param>
/// <param name="Correct">The number of right predictions; 0 where that does not apply.</param>
/// <param name="Counted">The number of predictions that <paramref name="Correct"/> is out of.</param>
public readonly record struct PieceResult(int Samples, double Denominator, double LossSum, long Correct, long Counted);

/// <summary>What evaluating one fixed slice of 256 samples of the test split found; summed in slice order. The detail is what metrics beyond the loss need.</summary>
public readonly record struct EvaluationResult(int Samples, double Denominator, double LossSum, long Correct, long Counted, SliceDetail? Detail = null);

/// <summary>Told, on the compute thread, as backward finishes parts of the gradient: last layer first.</summary>
public interface IGradientSink
{
    /// <summary>The gradient's floats [offset, offset + length) are final.</summary>
    void Ready(int offset, int length);
}

/// <summary>
/// One model replica and its share of the data: all the numerics of one worker. Used by one thread at a time; allocates nothing in
/// steady state. The flat buffers passed in have the layout <see cref="Layout"/> and are used in place, nothing is copied.
/// </summary>
public interface IReplica : IDisposable
{
    /// <summary>Where the model's parameters and buffers stand.</summary>
    ParameterLayout Layout { get; }

    /// <summary>The denominator d_i that the loss will use for a piece, found from its targets alone; 0 for an empty piece.</summary>
    double Denominator(PieceId piece);

    /// <summary>
    /// Runs forward and backward of one piece at the given weights and leaves the gradient of the piece's own mean loss, not yet scaled by d_i / Σd, in
    /// <paramref name="gradient"/> (padding is zero). In the buffers' region it leaves the piece's statistics instead of gradients.
    /// </summary>
    PieceResult Compute(PieceId piece, FloatBuffer weights, FloatBuffer gradient, IGradientSink? sink);

    /// <summary>Evaluates slice <paramref name="slice"/> (256 samples, the last one fewer) of the test split at the given weights.</summary>
    EvaluationResult Evaluate(int slice, FloatBuffer weights);
}
