namespace DistTrain.Autograd;

/// <summary>An element-wise function of two arguments as kernels on spans: what <see cref="Broadcasting"/> runs row by row.</summary>
internal interface IBinaryOperator
{
    static abstract void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination);

    static abstract void Apply(ReadOnlySpan<float> x, float y, Span<float> destination);

    static abstract void Apply(float x, ReadOnlySpan<float> y, Span<float> destination);
}
