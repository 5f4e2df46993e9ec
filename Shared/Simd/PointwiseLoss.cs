using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>A loss of each element of an input x against a target t, with its slopes. Implementations are readonly structs.</summary>
internal interface IPointwiseLoss
{
    /// <summary>The loss.</summary>
    Vector512<float> Value(Vector512<float> x, Vector512<float> t);

    /// <summary>d loss/d x.</summary>
    Vector512<float> Slope(Vector512<float> x, Vector512<float> t);

    /// <summary>d loss/d t.</summary>
    Vector512<float> TargetSlope(Vector512<float> x, Vector512<float> t);
}

/// <summary>Runs an <see cref="IPointwiseLoss"/> over spans.</summary>
internal static class PointwiseLoss
{
    /// <summary>y = loss(x, t).</summary>
    internal static void Forward<TLoss>(TLoss loss, ReadOnlySpan<float> x, ReadOnlySpan<float> t, Span<float> y) where TLoss : struct, IPointwiseLoss
        => Map.Binary(new ValueOperator<TLoss>(loss), x, t, y);

    /// <summary>d = scale·slope, or added to d.</summary>
    internal static void Backward<TLoss>(TLoss loss, bool target, ReadOnlySpan<float> x, ReadOnlySpan<float> t, float scale, Span<float> d, bool accumulate) where TLoss : struct, IPointwiseLoss
    {
        if (target) Map.Binary(new TargetOperator<TLoss>(loss, scale), x, t, d, accumulate);
        else Map.Binary(new SlopeOperator<TLoss>(loss, scale), x, t, d, accumulate);
    }

    /// <summary>d = dy·slope element by element, or added to d.</summary>
    internal static void Backward<TLoss>(TLoss loss, bool target, ReadOnlySpan<float> x, ReadOnlySpan<float> t, ReadOnlySpan<float> dy, Span<float> d, bool accumulate) where TLoss : struct, IPointwiseLoss
    {
        if (target) Map.Ternary(new TargetOperator<TLoss>(loss, 1f), dy, x, t, d, accumulate);
        else Map.Ternary(new SlopeOperator<TLoss>(loss, 1f), dy, x, t, d, accumulate);
    }

    private readonly struct ValueOperator<TLoss>(TLoss loss) : IBinaryOperator where TLoss : struct, IPointwiseLoss
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x, Vector512<float> t) => loss.Value(x, t);
    }

    private readonly struct SlopeOperator<TLoss>(TLoss loss, float scale) : IBinaryOperator, ITernaryOperator where TLoss : struct, IPointwiseLoss
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x, Vector512<float> t) => Vector512.Create(scale) * loss.Slope(x, t);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x, Vector512<float> t) => dy * loss.Slope(x, t);
    }

    private readonly struct TargetOperator<TLoss>(TLoss loss, float scale) : IBinaryOperator, ITernaryOperator where TLoss : struct, IPointwiseLoss
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x, Vector512<float> t) => Vector512.Create(scale) * loss.TargetSlope(x, t);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x, Vector512<float> t) => dy * loss.TargetSlope(x, t);
    }
}
