namespace DistTrain.Autograd;

/// <summary>An element-wise function of two arguments as kernels on spans: what <see cref="Broadcasting"/> runs row by row. The arguments' order is a, b.</summary>
internal interface IBinaryOperator
{
    static abstract void Apply(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> destination);

    static abstract void Apply(ReadOnlySpan<float> a, float b, Span<float> destination);

    static abstract void Apply(float a, ReadOnlySpan<float> b, Span<float> destination);
}

/// <summary>One whose gradients need the arguments.</summary>
internal interface IDifferentiableOperator : IBinaryOperator
{
    /// <summary>da = dy·∂f/∂a, or added to da.</summary>
    static abstract void BackwardFirst(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> da, bool accumulate);

    /// <summary>db = dy·∂f/∂b, or added to db.</summary>
    static abstract void BackwardSecond(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> db, bool accumulate);
}
