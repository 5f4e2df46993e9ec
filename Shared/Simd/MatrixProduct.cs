namespace DistTrain.Simd;

/// <summary>
/// A product as the blocking sees it: rows of a scalar side times lanes of a vector side. Which of A and B is which is free, since every element of C is
/// one chain either way. Of each pair of strides one is 1.
/// </summary>
internal unsafe struct MatrixProduct
{
    public nint Rows;
    public nint Lanes;
    public nint Depth;

    /// <summary>The scalar side, [rows, depth].</summary>
    public float* Scalars;
    public nint ScalarRowStride;
    public nint ScalarStepStride;

    /// <summary>The vector side, [depth, lanes].</summary>
    public float* Vectors;
    public nint VectorLaneStride;
    public nint VectorStepStride;

    /// <summary>The result, [rows, lanes].</summary>
    public float* Result;
    public nint ResultRowStride;
    public nint ResultLaneStride;

    /// <summary>The sides were exchanged: rows are C's columns.</summary>
    public bool IsExchanged;

    public bool Accumulate;

    /// <summary>One value per column of C, or null.</summary>
    public float* Bias;
    public Activation Activation;

    /// <summary>The same product with the sides exchanged, computing the transpose of C's tiles.</summary>
    public readonly MatrixProduct Exchanged() => this with
    {
        Rows = Lanes, Lanes = Rows,
        Scalars = Vectors, ScalarRowStride = VectorLaneStride, ScalarStepStride = VectorStepStride,
        Vectors = Scalars, VectorLaneStride = ScalarRowStride, VectorStepStride = ScalarStepStride,
        ResultRowStride = ResultLaneStride, ResultLaneStride = ResultRowStride, IsExchanged = !IsExchanged,
    };

    /// <summary>The part of these rows and lanes.</summary>
    public readonly MatrixProduct Slice(nint row, nint rows, nint lane, nint lanes) => this with
    {
        Rows = rows, Lanes = lanes, Scalars = Scalars + (row * ScalarRowStride), Vectors = Vectors + (lane * VectorLaneStride),
        Result = Result + (row * ResultRowStride) + (lane * ResultLaneStride), Bias = Bias == null ? null : Bias + (IsExchanged ? row : lane),
    };
}
