namespace DistTrain.Protocol.Codecs;

/// <summary>How a tensor's floats are written on a channel. The numbers are what frames carry: none is ever used for another codec.</summary>
public enum CodecKind : byte
{
    /// <summary>Float32 as it stands in memory.</summary>
    None = 0,

    /// <summary>bfloat16.</summary>
    Bf16 = 1,

    /// <summary>IEEE 754 binary16.</summary>
    Fp16 = 2,

    /// <summary>Signed bytes under a scale for each block, rounded stochastically.</summary>
    Int8 = 3,

    /// <summary>The numbers of largest magnitude of each block, with a residual.</summary>
    TopK = 4,

    /// <summary>A low-rank approximation of each block, with a residual.</summary>
    PowerSgd = 5,
}
