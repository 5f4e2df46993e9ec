namespace DistTrain.Simd;

/// <summary>What <see cref="Gemm.Linear"/> applies to its result after the bias.</summary>
public enum Activation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>max(0, y); NaN stays NaN, as PyTorch's relu.</summary>
    Relu,
}

/// <summary>
/// Products of row-major float32 matrices. Each element of the result is <b>one sequential chain of fused multiply-adds</b> over k = 0 … K−1, begun
/// at zero or, with <c>accumulate</c>, at the element's present value. So neither tile sizes nor threads, nor which operand is packed, nor the vector
/// width show in the bits; <see cref="SimdLevel.Portable"/> multiplies, then adds, in the same order. How it is made fast: docs/kernels.md.
/// </summary>
public static class Gemm
{
    /// <summary>C = op(A)·op(B), or C += op(A)·op(B): op(A) is [m, k], op(B) [k, n], C [m, n].</summary>
    /// <param name="transposeA">A is stored as [k, m].</param>
    /// <param name="transposeB">B is stored as [n, k].</param>
    /// <param name="m">Rows of C, 0 or more.</param>
    /// <param name="n">Columns of C, 0 or more.</param>
    /// <param name="k">Length of the sums; 0 gives zeros (or leaves C, with <paramref name="accumulate"/>).</param>
    /// <param name="a">A's elements.</param>
    /// <param name="lda">Distance between A's stored rows, at least their length.</param>
    /// <param name="b">B's elements.</param>
    /// <param name="ldb">Distance between B's stored rows.</param>
    /// <param name="c">C's elements; must not overlap A or B.</param>
    /// <param name="ldc">Distance between C's rows.</param>
    /// <param name="accumulate">Goes on from C's present values instead of zero.</param>
    /// <exception cref="ArgumentException">A size is negative, a leading dimension too small, or a span too short.</exception>
    public static void Multiply(
        bool transposeA, bool transposeB, int m, int n, int k, ReadOnlySpan<float> a, int lda, ReadOnlySpan<float> b, int ldb, Span<float> c, int ldc,
        bool accumulate = false)
    {
        CheckMatrix("A", a.Length, transposeA ? k : m, transposeA ? m : k, lda);
        CheckMatrix("B", b.Length, transposeB ? n : k, transposeB ? k : n, ldb);
        CheckMatrix("C", c.Length, m, n, ldc);
        GemmKernels.Run(Numerics.Level, transposeA, transposeB, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
    }

    /// <summary>
    /// As <see cref="Multiply"/> for <paramref name="batch"/> triples of matrices that begin <paramref name="strideA"/>, <paramref name="strideB"/> and
    /// <paramref name="strideC"/> elements apart (PyTorch's bmm); a stride of 0 for A or B uses the same matrix for all.
    /// </summary>
    /// <exception cref="ArgumentException">A size is negative, a leading dimension too small, or a span too short.</exception>
    public static void MultiplyBatched(
        int batch, bool transposeA, bool transposeB, int m, int n, int k, ReadOnlySpan<float> a, int lda, int strideA, ReadOnlySpan<float> b, int ldb,
        int strideB, Span<float> c, int ldc, int strideC, bool accumulate = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(strideA);
        ArgumentOutOfRangeException.ThrowIfNegative(strideB);
        ArgumentOutOfRangeException.ThrowIfNegative(strideC);
        for (var i = 0; i < batch; i++)
            Multiply(transposeA, transposeB, m, n, k, a[(i * strideA)..], lda, b[(i * strideB)..], ldb, c[(i * strideC)..], ldc, accumulate);
    }

    /// <summary>
    /// y = activation(x·weightᵀ + bias), PyTorch's Linear with the activation fused: x [m, inFeatures], weight [outFeatures, inFeatures],
    /// bias [outFeatures] or empty, y [m, outFeatures], all dense. The bias is added once the chain has ended, then the activation applied.
    /// </summary>
    /// <exception cref="ArgumentException">A size is negative or a span too short.</exception>
    public static void Linear(
        int m, int outFeatures, int inFeatures, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Span<float> y,
        Activation activation = Activation.None)
    {
        if (bias.Length != 0 && bias.Length < outFeatures)
            throw new ArgumentException($"Gemm.Linear: bias has {bias.Length} elements, expected {outFeatures} or none.");
        CheckMatrix("x", x.Length, m, inFeatures, inFeatures);
        CheckMatrix("weight", weight.Length, outFeatures, inFeatures, inFeatures);
        CheckMatrix("y", y.Length, m, outFeatures, outFeatures);
        GemmKernels.Run(Numerics.Level, false, true, m, outFeatures, inFeatures, x, inFeatures, weight, inFeatures, y, outFeatures, false, bias, activation);
    }

    private static void CheckMatrix(string name, int length, int rows, int columns, int stride)
    {
        if (rows < 0 || columns < 0)
            throw new ArgumentException($"Gemm: {name} is {rows} x {columns}; sizes must be 0 or more.");
        if (rows == 0 || columns == 0) return;
        if (stride < columns)
            throw new ArgumentException($"Gemm: {name}'s leading dimension is {stride}, expected at least its {columns} columns.");
        var needed = ((long)(rows - 1) * stride) + columns;
        if (length < needed)
            throw new ArgumentException($"Gemm: {name} has {length} elements, expected at least {needed} for {rows} x {columns} with leading dimension {stride}.");
    }
}
