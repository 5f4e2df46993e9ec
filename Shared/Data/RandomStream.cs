using DistTrain.Simd;

namespace DistTrain.Data;

/// <summary>What random numbers of this floor are for; keeps the streams of one seed apart.</summary>
internal enum RandomUse : ulong
{
    Shuffle = 0xDA7A0001,
    ShuffleBlocks,
    TextOffset,
    Digit,
    DigitNoise,
    Split,
    Augment,
}

/// <summary>
/// Random numbers in sequence, each a pure function of (seed, use, a, b) and its place in the sequence. A struct on the stack: no state is shared.
/// </summary>
internal struct RandomStream(ulong seed, RandomUse use, ulong a = 0, ulong b = 0)
{
    private readonly RandomKey key = Key(seed, use, a, b);
    private ulong counter;
    private int word = 4;
    private uint w0, w1, w2, w3;

    /// <summary>The stream's name.</summary>
    public static RandomKey Key(ulong seed, RandomUse use, ulong a = 0, ulong b = 0) => RandomKey.Create(seed, (ulong)use, a, b);

    /// <summary>32 random bits.</summary>
    public uint NextUInt32()
    {
        if (word == 4)
        {
            (w0, w1, w2, w3) = Philox.Generate(key, counter++);
            word = 0;
        }
        return word++ switch { 0 => w0, 1 => w1, 2 => w2, _ => w3 };
    }

    /// <summary>An integer in [0, bound); 64 bits are drawn, so the bias is below 2^-32.</summary>
    public int Next(int bound) => (int)Math.BigMul(NextUInt32() | (ulong)NextUInt32() << 32, (ulong)bound, out _);

    /// <summary>A float in [0, 1) with 24 random bits.</summary>
    public float NextFloat() => (NextUInt32() >> 8) * (1f / (1 << 24));

    /// <summary>A float in [low, high).</summary>
    public float Next(float low, float high) => low + (high - low) * NextFloat();
}
