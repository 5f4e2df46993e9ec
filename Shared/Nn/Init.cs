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
}
