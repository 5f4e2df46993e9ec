using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// Batch normalization over all dimensions but the second: https://arxiv.org/abs/1502.03167. In training it uses the statistics of its input; in a hand-written loop the running ones move on at once, as in
/// PyTorch; in a job forward changes no buffer: the statistics of all pieces of a step are averaged and move the running ones once per step. In evaluation it uses the running statistics.
/// </summary>
public abstract class BatchNorm : Module
{
    private readonly int numFeatures;
    private readonly double eps;

    private protected BatchNorm(int numFeatures, double eps, double? momentum, bool affine, bool trackRunningStats)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(numFeatures, 1);
        if (!(eps >= 0)) throw new ArgumentException($"{GetType().Name}: eps was {eps}, expected 0 or more");
        if (momentum is { } share && !(share >= 0 && share <= 1)) throw new ArgumentException($"{GetType().Name}: momentum was {share}, expected 0 to 1");
        (this.numFeatures, this.eps) = (numFeatures, eps);
        if (affine)
        {
            Weight = Register("weight", new Parameter(Init.Constant([numFeatures], 1f)));
            Bias = Register("bias", new Parameter(Init.Constant([numFeatures], 0f)));
        }
        if (!trackRunningStats) return;
        RunningMean = Register("running_mean", new ModuleBuffer(Init.Constant([numFeatures], 0f), new RunningAverage(momentum)));
        RunningVar = Register("running_var", new ModuleBuffer(Init.Constant([numFeatures], 1f), new RunningAverage(momentum)));
        NumBatchesTracked = Register("num_batches_tracked", new ModuleBuffer(Init.Constant(Shape.Scalar, 0f), new StepCount()));
    }

    /// <summary>The scale of each channel, <c>[C]</c>; null without one.</summary>
    public Parameter? Weight { get; }

    /// <summary>The shift of each channel, <c>[C]</c>; null without one.</summary>
    public Parameter? Bias { get; }

    /// <summary>The running mean, <c>[C]</c>; null without running statistics.</summary>
    public ModuleBuffer? RunningMean { get; }

    /// <summary>The running unbiased variance, <c>[C]</c>.</summary>
    public ModuleBuffer? RunningVar { get; }

    /// <summary>Training steps seen, a scalar. It is a float, as all that is averaged and saved with the weights, and counts no further than 2²⁴, 16.8 million; only plain averages (a momentum of null) look at it.</summary>
    public ModuleBuffer? NumBatchesTracked { get; }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The input has other dimensions or channels; in training, it has one value for each channel.</exception>
    public override Tensor Forward(Tensor input)
    {
        if (!Fits(input.Rank) || input.Shape[1] != numFeatures) throw new ArgumentException($"{this}: input {input.Shape}, expected {Expected} with C = {numFeatures}");
        if (!Training && RunningMean is { } mean && RunningVar is { } variance) return input.BatchNorm(mean, variance, Weight?.Value, Bias?.Value, training: false, eps: (float)eps);
        var (output, batchMean, batchVariance) = input.BatchNormTraining(Weight?.Value, Bias?.Value, (float)eps);
        if (Training && RunningMean != null && !Checkpoint.IsRecomputing) Observe(batchMean, batchVariance, input.Numel / numFeatures);
        return output;
    }

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        if (!Fits(input.Rank)) throw graph.Error($"{this} takes {Expected}, not {input}");
        OnnxValue scale = Of(Weight, 1f), shift = Of(Bias, 0f);
        if (RunningMean is { } mean && RunningVar is { } variance) return graph.Node("BatchNormalization", [input, scale, shift, graph.Buffer(mean), graph.Buffer(variance)], input.Shape, [("epsilon", (float)eps)]);
        // Without running statistics evaluation too uses those of its input.
        ImmutableArray<int> others = [.. Enumerable.Range(0, input.Rank).Where(dim => dim != 1)], channels = [numFeatures, .. Enumerable.Repeat(1, input.Rank - 2)];
        var centred = graph.Sub(input, graph.Mean(input, others));
        var deviation = graph.Unary("Sqrt", graph.Add(graph.Mean(graph.Mul(centred, centred), others), graph.Constant((float)eps)));
        return graph.Add(graph.Mul(graph.Div(centred, deviation), graph.Reshape(scale, channels)), graph.Reshape(shift, channels));

        OnnxValue Of(Parameter? parameter, float value)
        {
            if (parameter is not null) return graph.Parameter(parameter);
            float[] all = new float[numFeatures];
            Array.Fill(all, value);
            return graph.Constant(all, numFeatures);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{GetType().Name}({numFeatures})";

    private protected abstract string Expected { get; }

    private protected abstract bool Fits(int rank);

    private void Observe(Tensor mean, Tensor variance, int count)
    {
        NumBatchesTracked!.Observe([1f]);
        long step = (long)NumBatchesTracked.Value.Item();
        RunningMean!.Observe(mean.Span, Math.Max(1, step));
        var unbiased = TensorMemory.Empty(variance.Shape);
        Elementwise.Multiply(variance.Span, (float)(count / (count - 1.0)), unbiased.Span);
        RunningVar!.Observe(unbiased.Span, Math.Max(1, step));
    }
}

/// <summary>Batch normalization of <c>[N, C]</c> or <c>[N, C, L]</c>.</summary>
/// <param name="numFeatures">C.</param>
/// <param name="eps">Added to the variance.</param>
/// <param name="momentum">The share of a step's statistics in the running ones, in [0, 1]; null for plain averages.</param>
/// <param name="affine">Whether it has weight and bias.</param>
/// <param name="trackRunningStats">Whether it has running statistics; without, evaluation too uses the input's.</param>
public sealed class BatchNorm1d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true, bool trackRunningStats = true)
    : BatchNorm(numFeatures, eps, momentum, affine, trackRunningStats)
{
    private protected override string Expected => "[N, C] or [N, C, L]";

    private protected override bool Fits(int rank) => rank is 2 or 3;
}

/// <summary>Batch normalization of <c>[N, C, H, W]</c>.</summary>
/// <param name="numFeatures">C.</param>
/// <param name="eps">Added to the variance.</param>
/// <param name="momentum">The share of a step's statistics in the running ones, in [0, 1]; null for plain averages.</param>
/// <param name="affine">Whether it has weight and bias.</param>
/// <param name="trackRunningStats">Whether it has running statistics; without, evaluation too uses the input's.</param>
public sealed class BatchNorm2d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true, bool trackRunningStats = true)
    : BatchNorm(numFeatures, eps, momentum, affine, trackRunningStats)
{
    private protected override string Expected => "[N, C, H, W]";

    private protected override bool Fits(int rank) => rank == 4;
}
