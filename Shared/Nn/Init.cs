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

    /// <summary>Uniform in ±√(6/(fanIn + fanOut)) for a matrix <c>[fanOut, fanIn]</c>: Glorot, Bengio 2010.</summary>
    public static Tensor XavierUniform(Shape shape)
    {
        float bound = MathF.Sqrt(6f / (shape[0] + shape[1]));
        return Uniform(shape, -bound, bound);
    }

    /// <summary>The checks of channels that convolutions share.</summary>
    internal static void RequireChannels(string layer, int inChannels, int outChannels, int groups)
    {
        if (inChannels < 1 || outChannels < 1 || groups < 1 || inChannels % groups != 0 || outChannels % groups != 0)
            throw new ArgumentException($"{layer}: {inChannels} and {outChannels} channels in {groups} groups, expected 1 or more, and groups that divide both");
    }
}
