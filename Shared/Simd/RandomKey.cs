namespace DistTrain.Simd;

/// <summary>
/// Names one stream of random numbers: a 64-bit Philox key and 64 bits of the counter. Made from (seed, purpose, a, b, c, …) by
/// <see cref="Create(ulong, ulong, ReadOnlySpan{ulong})"/>, so that equal names give equal numbers on every machine and thread, and names that differ in one
/// word give unrelated ones.
/// </summary>
/// <remarks>
/// The words are absorbed in order, each through the finaliser of SplitMix64 (Steele, Lea, Flood 2014), by two chains that start differently and give the
/// key and the stream; the complement of the number of words ends the name, so that (s, p, 1) and (s, p, 1, 0) differ. Both chains would have to collide for two streams to
/// meet: for n streams the chance is about n²/2¹²⁹.
/// </remarks>
/// <param name="Key">The key of the Philox rounds.</param>
/// <param name="Stream">The high half of the counter; the low half counts blocks of the stream.</param>
public readonly record struct RandomKey(ulong Key, ulong Stream)
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;

    /// <summary>The stream named (seed, purpose, words…), for example dropout's (seed, purpose, step, piece, module, call).</summary>
    public static RandomKey Create(ulong seed, ulong purpose, params ReadOnlySpan<ulong> words)
    {
        var key = Mix(seed + GoldenGamma);
        var stream = Mix(seed ^ 0xD1B54A32D192ED03);
        Absorb(ref key, ref stream, purpose);
        foreach (var word in words)
            Absorb(ref key, ref stream, word);
        Absorb(ref key, ref stream, ~(ulong)words.Length);
        return new RandomKey(key, stream);
    }

    /// <summary>A stream of its own below this one, for example for one element of a batch.</summary>
    public RandomKey Derive(ulong word)
    {
        var (key, stream) = (Key, Stream);
        Absorb(ref key, ref stream, word);
        Absorb(ref key, ref stream, ~1UL);
        return new RandomKey(key, stream);
    }

    private static void Absorb(ref ulong key, ref ulong stream, ulong word)
    {
        key = Mix((key ^ word) + GoldenGamma);
        stream = Mix((stream + GoldenGamma) ^ Mix(word + 0x8CB92BA72F3D8DD7));
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
