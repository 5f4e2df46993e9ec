namespace DistTrain.Simd;

/// <summary>The sizes of a scaled dot-product attention.</summary>
/// <param name="Batch">Samples.</param>
/// <param name="Heads">Heads of each sample.</param>
/// <param name="Queries">Rows of q and of the output, for each head.</param>
/// <param name="Keys">Rows of k and v, for each head.</param>
/// <param name="HeadWidth">Columns of q, k, v and the output.</param>
public readonly record struct AttentionShape(int Batch, int Heads, int Queries, int Keys, int HeadWidth)
{
    /// <summary>Rows of q that are worked on at a time, so that their scores stay in the cache.</summary>
    internal const int RowBlock = 32;

    /// <summary>Floats of workspace that the forward pass needs: one block of scores.</summary>
    public int ForwardWorkspace => Math.Min(RowBlock, Queries) * RowStride(Keys);

    /// <summary>Floats of workspace that the backward pass needs: a block of probabilities and one of their gradients.</summary>
    public int BackwardWorkspace => 2 * Math.Min(RowBlock, Queries) * RowStride(Keys);

    /// <summary>Distance between rows of scores: whole vectors, so that a row is read without a tail.</summary>
    internal static int RowStride(int keys) => (keys + Lanes.Count - 1) / Lanes.Count * Lanes.Count;

    /// <summary>Throws where a size is negative.</summary>
    internal void Require()
    {
        if (Batch < 0 || Heads < 0 || Queries < 0 || Keys < 0 || HeadWidth < 0)
            throw new ArgumentException($"Attention: {this}, expected no negative size");
    }
}

/// <summary>
/// Where a head's rows stand in a buffer: element [b, h, t, d] is at b·BatchStride + h·HeadStride + t·RowStride + d. So attention reads q, k and v out of one fused
/// projection [batch, time, 3·width], and writes [batch, time, width], without a transposed copy.
/// </summary>
/// <param name="BatchStride">Distance between samples.</param>
/// <param name="HeadStride">Distance between heads.</param>
/// <param name="RowStride">Distance between rows, at least the head's width.</param>
public readonly record struct HeadLayout(int BatchStride, int HeadStride, int RowStride)
{
    /// <summary>[batch, heads, rows, width], dense.</summary>
    public static HeadLayout Dense(int heads, int rows, int width) => new(heads * rows * width, rows * width, width);

    /// <summary>[batch, rows, heads·width] as part of rows of <paramref name="rowStride"/> elements; a fused projection's k starts heads·width after its q.</summary>
    public static HeadLayout Interleaved(int rows, int width, int rowStride) => new(rows * rowStride, width, rowStride);

    /// <summary>Where head (b, h) starts.</summary>
    internal int Offset(int b, int h) => b * BatchStride + h * HeadStride;
}
