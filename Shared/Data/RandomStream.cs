namespace DistTrain.Data;

/// <summary>What random numbers are for; keeps the streams of one seed apart.</summary>
internal enum RandomUse : uint
{
    Shuffle = 0xDA7A0001,
    TextOffset = 0xDA7A0002,
    Digit = 0xDA7A0003,
    DigitNoise = 0xDA7A0004,
    Split = 0xDA7A0005,
    Augment = 0xDA7A0006,
    ShuffleBlocks = 0xDA7A0007,
}

/// <summary>
/// Random numbers in sequence, each a pure function of (seed, use, a, b) and its place in the sequence. A struct on the stack: no state is shared.
/// </summary>
internal struct RandomStream
{
    private readonly ulong seed;
    private readonly uint use, a, b;
    private uint block, word;
    private uint w0, w1, w2, w3;

    public RandomStream(ulong seed, RandomUse use, uint a = 0, uint b = 0) => (this.seed, this.use, this.a, this.b, word) = (seed, (uint)use, a, b, 4);

    /// <summary>32 random bits.</summary>
    public uint NextUInt32()
    {
        if (word == 4)
        {
            (w0, w1, w2, w3) = PhiloxBlock(seed, block++, a, b, use);
            word = 0;
        }
        return word++ switch { 0 => w0, 1 => w1, 2 => w2, _ => w3 };
    }

    /// <summary>64 random bits.</summary>
    public ulong NextUInt64() => NextUInt32() | (ulong)NextUInt32() << 32;

    /// <summary>An integer in [0, bound); 64 bits are drawn, so the bias is below 2^-32.</summary>
    public int Next(int bound) => (int)Math.BigMul(NextUInt64(), (ulong)bound, out _);

    /// <summary>A float in [0, 1) with 24 random bits.</summary>
    public float NextFloat() => (NextUInt32() >> 8) * (1f / (1 << 24));

    /// <summary>A float in [low, high).</summary>
    public float Next(float low, float high) => low + (high - low) * NextFloat();

    private static (uint, uint, uint, uint) PhiloxBlock(ulong key, uint c0, uint c1, uint c2, uint c3)
    {
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (var round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53ul * c0, p1 = 0xCD9E8D57ul * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        return (c0, c1, c2, c3);
    }
}
