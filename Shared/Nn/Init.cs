using DistTrain.Autograd;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>Initial values of parameters: drawn from the thread's <see cref="RandomSource"/>, so that the same seed builds the same model everywhere.</summary>
public static class Init
{
    /// <summary>Uniform in [low, high).</summary>
    public static Tensor Uniform(Shape shape, float low, float high)
    {
        var result = TensorMemory.EmptyPersistent(shape);
        Philox.FillUniform(result.Span, RandomSource.NextKey(), low, high);
        return result;
    }

    /// <summary>Normal with the given mean and standard deviation.</summary>
    public static Tensor Normal(Shape shape, float mean = 0f, float std = 1f)
    {
        var result = TensorMemory.EmptyPersistent(shape);
        Philox.FillNormal(result.Span, RandomSource.NextKey(), mean, std);
        return result;
    }

    /// <summary>Every element the same.</summary>
    public static Tensor Constant(Shape shape, float value)
    {
        var result = TensorMemory.EmptyPersistent(shape);
        result.Span.Fill(value);
        return result;
    }

    /// <summary>Uniform in ±gain·√(6/(fanIn + fanOut)): Glorot, Bengio 2010.</summary>
    /// <param name="shape">As <see cref="Fans"/> takes it.</param>
    /// <param name="gain">What suits the activation that follows.</param>
    /// <exception cref="ArgumentException">The shape has fewer than two dimensions.</exception>
    public static Tensor XavierUniform(Shape shape, float gain = 1f)
    {
        var (fanIn, fanOut) = Fans(shape, nameof(XavierUniform));
        float bound = gain * MathF.Sqrt(6f / (fanIn + fanOut));
        return Uniform(shape, -bound, bound);
    }

    /// <summary>Normal with standard deviation gain·√(2/(fanIn + fanOut)): Glorot, Bengio 2010.</summary>
    /// <inheritdoc cref="XavierUniform"/>
    public static Tensor XavierNormal(Shape shape, float gain = 1f)
    {
        var (fanIn, fanOut) = Fans(shape, nameof(XavierNormal));
        return Normal(shape, 0f, gain * MathF.Sqrt(2f / (fanIn + fanOut)));
    }

    /// <summary>Uniform in ±gain·√(3/fanIn): He et al. 2015, <see href="https://arxiv.org/abs/1502.01852"/>.</summary>
    /// <param name="shape">As <see cref="Fans"/> takes it.</param>
    /// <param name="gain">What suits the activation that follows; √2, ReLU's, where none is given.</param>
    /// <exception cref="ArgumentException">The shape has fewer than two dimensions.</exception>
    public static Tensor KaimingUniform(Shape shape, float? gain = null)
    {
        float bound = (gain ?? MathF.Sqrt(2f)) * MathF.Sqrt(3f / Fans(shape, nameof(KaimingUniform)).In);
        return Uniform(shape, -bound, bound);
    }

    /// <summary>Normal with standard deviation gain/√fanIn: He et al. 2015, <see href="https://arxiv.org/abs/1502.01852"/>.</summary>
    /// <inheritdoc cref="KaimingUniform"/>
    public static Tensor KaimingNormal(Shape shape, float? gain = null) => Normal(shape, 0f, (gain ?? MathF.Sqrt(2f)) / MathF.Sqrt(Fans(shape, nameof(KaimingNormal)).In));

    /// <summary>Normal, drawn again where it falls outside of [low, high].</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="mean">The mean before values are left out.</param>
    /// <param name="std">The standard deviation before values are left out, above 0.</param>
    /// <param name="low">The lowest value.</param>
    /// <param name="high">The highest value.</param>
    /// <exception cref="ArgumentException">The interval is narrower than a tenth of the deviation or more than two deviations off the mean, where hardly a draw falls.</exception>
    public static Tensor TruncNormal(Shape shape, float mean = 0f, float std = 1f, float low = -2f, float high = 2f)
    {
        if (!(std > 0f && high - low >= std / 10 && mean >= low - 2 * std && mean <= high + 2 * std))
            throw new ArgumentException($"Init.TruncNormal: mean {mean}, deviation {std} and interval {low} to {high}, expected an interval at least a tenth of the deviation wide and at most two deviations off the mean");
        var result = Normal(shape, mean, std);
        Span<float> more = stackalloc float[64];
        int used = more.Length;
        foreach (ref float value in result.Span)
        {
            while (!(value >= low && value <= high))
            {
                if (used == more.Length)
                {
                    Philox.FillNormal(more, RandomSource.NextKey(), mean, std);
                    used = 0;
                }
                value = more[used++];
            }
        }
        return result;
    }

    /// <summary>Rows, or where there are more of them than columns, columns at right angles to one another, each of length gain: Saxe et al. 2013, <see href="https://arxiv.org/abs/1312.6120"/>.</summary>
    /// <param name="shape">Two dimensions or more; those behind the first count as one.</param>
    /// <param name="gain">The length.</param>
    /// <exception cref="ArgumentException">The shape has fewer than two dimensions.</exception>
    public static Tensor Orthogonal(Shape shape, float gain = 1f)
    {
        if (shape.Rank < 2) throw new ArgumentException($"Init.Orthogonal: shape {shape}, expected two dimensions or more");
        var result = Normal(shape);
        var values = result.Span;
        if (values.Length == 0) return result;
        int rows = shape[0], columns = values.Length / rows;
        // Vector i is row i or column i.
        var (count, length, next, step) = rows <= columns ? (rows, columns, columns, 1) : (columns, rows, 1, columns);
        for (int i = 0; i < count; i++)
        {
            // Twice, since the first round leaves what rounding took.
            for (int j = 0; j < 2 * i; j++) Subtract(values, i * next, j % i * next, Dot(values, i * next, j % i * next));
            double size = 1 / Math.Sqrt(Dot(values, i * next, i * next));
            for (int k = 0; k < length; k++) values[i * next + k * step] = (float)(values[i * next + k * step] * size);
        }
        for (int k = 0; gain != 1f && k < values.Length; k++) values[k] *= gain;
        return result;

        double Dot(Span<float> all, int a, int b)
        {
            double sum = 0;
            for (int k = 0; k < length; k++) sum += (double)all[a + k * step] * all[b + k * step];
            return sum;
        }

        void Subtract(Span<float> all, int from, int other, double share)
        {
            for (int k = 0; k < length; k++) all[from + k * step] = (float)(all[from + k * step] - share * all[other + k * step]);
        }
    }

    /// <summary>
    /// What comes into and goes out of each unit of a weight, as PyTorch counts it: of <c>[fanOut, fanIn]</c> its sizes, of a convolution's <c>[O, C, *]</c> C and O times the elements of the window.
    /// </summary>
    private static (int In, int Out) Fans(Shape shape, string name)
    {
        if (shape.Rank < 2) throw new ArgumentException($"Init.{name}: shape {shape}, expected two dimensions or more: [out, in, *]");
        int window = shape.With(0, 1).With(1, 1).Numel;
        return (shape[1] * window, shape[0] * window);
    }

    /// <summary>Refuses windows of a convolution that are none.</summary>
    internal static void RequireWindow(string layer, Size2d kernel, Size2d stride, Size2d padding, Size2d dilation)
    {
        Require("kernel", kernel, 1);
        Require("stride", stride, 1);
        Require("padding", padding, 0);
        Require("dilation", dilation, 1);

        void Require(string what, Size2d size, int least)
        {
            if (size.Height < least || size.Width < least) throw new ArgumentException($"{layer}: the {what} was {size}, expected {least} or more");
        }
    }

    /// <summary>The checks of channels that convolutions share.</summary>
    internal static void RequireChannels(string layer, int inChannels, int outChannels, int groups)
    {
        if (inChannels < 1 || outChannels < 1 || groups < 1 || inChannels % groups != 0 || outChannels % groups != 0)
            throw new ArgumentException($"{layer}: {inChannels} and {outChannels} channels in {groups} groups, expected 1 or more, and groups that divide both");
    }
}
