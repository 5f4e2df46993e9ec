using DistTrain.Tensors;

namespace DistTrain.Benchmarks;

/// <summary>Inputs.</summary>
internal static class Data
{
    /// <summary>Numbers in [-1, 1) that a seed decides.</summary>
    public static float[] Random(int length, int seed)
    {
        var random = new Random(seed);
        var values = new float[length];
        for (var i = 0; i < length; i++) values[i] = (2 * random.NextSingle()) - 1;
        return values;
    }

    /// <summary>Such numbers in memory as a model's parameters and a step's tensors have it: on a 64-byte border, so that no vector lies across two cache lines.</summary>
    public static FloatBuffer Aligned(int length, int seed)
    {
        var buffer = new FloatBuffer(length);
        Random(length, seed).CopyTo(buffer.Span);
        return buffer;
    }
}
