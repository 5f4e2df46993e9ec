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
}
