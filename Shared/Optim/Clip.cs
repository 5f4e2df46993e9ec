using DistTrain.Nn;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Optim;

/// <summary>Clips gradients between <c>Backward()</c> and <c>Step()</c>, for hand-written loops; jobs have options for the same.</summary>
public static class Clip
{
    /// <summary>Floats of a block of the norm, as in a job's layout.</summary>
    private const int BlockLength = 4096;

    [ThreadStatic]
    private static float[]? block;

    [ThreadStatic]
    private static double[]? sums;

    /// <summary>
    /// Scales all gradients so that their common L2 norm is at most <paramref name="maxNorm"/>, as PyTorch's <c>clip_grad_norm_</c>. The norm is a sum over the same blocks as a job's: clipping in a plain
    /// loop over <c>model.Parameters()</c> and in a job gives the same bits.
    /// </summary>
    /// <returns>The norm before clipping.</returns>
    /// <exception cref="ArgumentException">The largest norm is not above 0.</exception>
    public static double Norm(IReadOnlyList<Parameter> parameters, double maxNorm)
    {
        if (!(maxNorm > 0)) throw new ArgumentException($"Clip.Norm: the largest norm was {maxNorm}, expected more than 0");
        double norm = NormOf(parameters);
        float factor = (float)Math.Min(1.0, maxNorm / (norm + 1e-6));
        for (int i = 0; i < parameters.Count; i++)
        {
            if (Gradient(parameters[i]) is { } gradient) Elementwise.Multiply(gradient.Span, factor, gradient.Span);
        }
        return norm;
    }

    /// <summary>Holds every element of every gradient within ±<paramref name="clipValue"/>, as PyTorch's <c>clip_grad_value_</c>.</summary>
    /// <exception cref="ArgumentException">The bound is negative or not a number.</exception>
    public static void Value(IReadOnlyList<Parameter> parameters, double clipValue)
    {
        if (!(clipValue >= 0)) throw new ArgumentException($"Clip.Value: the bound was {clipValue}, expected 0 or more");
        for (int i = 0; i < parameters.Count; i++)
        {
            if (Gradient(parameters[i]) is { } gradient) Elementwise.Clamp(gradient.Span, (float)-clipValue, (float)clipValue, gradient.Span);
        }
    }

    /// <summary>Lays the gradients end to end as a flat buffer would, each on a 64-byte border, and sums squares block by block.</summary>
    private static double NormOf(IReadOnlyList<Parameter> parameters)
    {
        long total = 0;
        for (int i = 0; i < parameters.Count; i++) total += FloatBuffer.AlignUp(parameters[i].Numel);
        int blocks = (int)((total + BlockLength - 1) / BlockLength);
        block ??= new float[BlockLength];
        if (sums == null || sums.Length < blocks) sums = new double[blocks];
        int done = 0, used = 0;
        for (int i = 0; i < parameters.Count; i++)
        {
            var gradient = Gradient(parameters[i]) is { } tensor ? tensor.Span : default;
            int length = parameters[i].Numel, padded = FloatBuffer.AlignUp(length);
            for (int at = 0; at < padded;)
            {
                int take = Math.Min(BlockLength - used, padded - at), real = gradient.IsEmpty ? 0 : Math.Clamp(length - at, 0, take);
                if (real > 0) gradient.Slice(at, real).CopyTo(block.AsSpan(used));
                block.AsSpan(used + real, take - real).Clear();
                (at, used) = (at + take, used + take);
                if (used == BlockLength) (sums[done++], used) = (Reduce.SumOfSquares(block), 0);
            }
        }
        if (used > 0) sums[done++] = Reduce.SumOfSquares(block.AsSpan(0, used));
        return Math.Sqrt(TreeReduce.Sum(sums.AsSpan(0, done)));
    }

    private static Tensor? Gradient(Parameter parameter) => parameter.Value.Node is { HasGrad: true } node ? new Tensor(node.Grad!) : null;
}
