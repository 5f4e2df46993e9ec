namespace DistTrain.Autograd;

/// <summary>What the gradient of an element-wise function needs from forward.</summary>
internal enum Keeps
{
    /// <summary>Nothing.</summary>
    Nothing,

    /// <summary>The argument x.</summary>
    Argument,

    /// <summary>The value y.</summary>
    Value,
}

/// <summary>An element-wise function of one argument and its gradient as kernels on spans. Implementations are readonly structs that hold the function's constants.</summary>
internal interface IFunction
{
    /// <summary>What <see cref="Backward"/> reads.</summary>
    static abstract Keeps Keeps { get; }

    /// <summary>The function's constants, for <see cref="Trace"/>.</summary>
    (string Name, object Value)[] Settings => [];

    /// <summary>y = f(x).</summary>
    void Forward(ReadOnlySpan<float> x, Span<float> y);

    /// <summary>dx = dy·f′, or added to dx; <paramref name="saved"/> is what <see cref="Keeps"/> says. dx may be dy.</summary>
    void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> saved, Span<float> dx, bool accumulate);
}
