using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>The mathematical functions on sixteen lanes: at once where there are registers for it, else in halves or quarters.</summary>
internal static class Formulas
{
    /// <inheritdoc cref="Formulas512.Exp"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Exp(Vector512<float> x)
        => Vector512.IsHardwareAccelerated ? Formulas512.Exp(x) : Vector512.Create(Exp(x.GetLower()), Exp(x.GetUpper()));

    /// <inheritdoc cref="Formulas512.ExpMinusOneNegative"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> ExpMinusOneNegative(Vector512<float> x)
        => Vector512.IsHardwareAccelerated ? Formulas512.ExpMinusOneNegative(x) : Vector512.Create(ExpMinusOneNegative(x.GetLower()), ExpMinusOneNegative(x.GetUpper()));

    /// <inheritdoc cref="Formulas512.Tanh"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Tanh(Vector512<float> x)
        => Vector512.IsHardwareAccelerated ? Formulas512.Tanh(x) : Vector512.Create(Tanh(x.GetLower()), Tanh(x.GetUpper()));

    /// <inheritdoc cref="Formulas512.Sigmoid"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Sigmoid(Vector512<float> x)
        => Vector512.IsHardwareAccelerated ? Formulas512.Sigmoid(x) : Vector512.Create(Sigmoid(x.GetLower()), Sigmoid(x.GetUpper()));

    /// <inheritdoc cref="Formulas512.Log"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Log(Vector512<float> x)
        => Vector512.IsHardwareAccelerated ? Formulas512.Log(x) : Vector512.Create(Log(x.GetLower()), Log(x.GetUpper()));

    /// <inheritdoc cref="Formulas512.LogOnePlusPositive"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> LogOnePlusPositive(Vector512<float> x)
        => Vector512.IsHardwareAccelerated ? Formulas512.LogOnePlusPositive(x) : Vector512.Create(LogOnePlusPositive(x.GetLower()), LogOnePlusPositive(x.GetUpper()));

    /// <inheritdoc cref="Formulas512.Erf"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Erf(Vector512<float> x)
        => Vector512.IsHardwareAccelerated ? Formulas512.Erf(x) : Vector512.Create(Erf(x.GetLower()), Erf(x.GetUpper()));

    /// <inheritdoc cref="Formulas512.NormalDistribution"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> NormalDistribution(Vector512<float> x, out Vector512<float> bell)
    {
        if (Vector512.IsHardwareAccelerated)
            return Formulas512.NormalDistribution(x, out bell);
        var low = NormalDistribution(x.GetLower(), out var bellLow);
        var high = NormalDistribution(x.GetUpper(), out var bellHigh);
        bell = Vector512.Create(bellLow, bellHigh);
        return Vector512.Create(low, high);
    }

    /// <inheritdoc cref="Formulas512.CopySign"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> CopySign(Vector512<float> magnitude, Vector512<float> sign) => Formulas512.CopySign(magnitude, sign);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Exp(Vector256<float> x)
        => Vector256.IsHardwareAccelerated ? Formulas256.Exp(x) : Vector256.Create(Formulas128.Exp(x.GetLower()), Formulas128.Exp(x.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> ExpMinusOneNegative(Vector256<float> x)
        => Vector256.IsHardwareAccelerated ? Formulas256.ExpMinusOneNegative(x) : Vector256.Create(Formulas128.ExpMinusOneNegative(x.GetLower()), Formulas128.ExpMinusOneNegative(x.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Tanh(Vector256<float> x)
        => Vector256.IsHardwareAccelerated ? Formulas256.Tanh(x) : Vector256.Create(Formulas128.Tanh(x.GetLower()), Formulas128.Tanh(x.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Sigmoid(Vector256<float> x)
        => Vector256.IsHardwareAccelerated ? Formulas256.Sigmoid(x) : Vector256.Create(Formulas128.Sigmoid(x.GetLower()), Formulas128.Sigmoid(x.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Log(Vector256<float> x)
        => Vector256.IsHardwareAccelerated ? Formulas256.Log(x) : Vector256.Create(Formulas128.Log(x.GetLower()), Formulas128.Log(x.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> LogOnePlusPositive(Vector256<float> x)
        => Vector256.IsHardwareAccelerated ? Formulas256.LogOnePlusPositive(x) : Vector256.Create(Formulas128.LogOnePlusPositive(x.GetLower()), Formulas128.LogOnePlusPositive(x.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Erf(Vector256<float> x)
        => Vector256.IsHardwareAccelerated ? Formulas256.Erf(x) : Vector256.Create(Formulas128.Erf(x.GetLower()), Formulas128.Erf(x.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> NormalDistribution(Vector256<float> x, out Vector256<float> bell)
    {
        if (Vector256.IsHardwareAccelerated)
            return Formulas256.NormalDistribution(x, out bell);
        var low = Formulas128.NormalDistribution(x.GetLower(), out var bellLow);
        var high = Formulas128.NormalDistribution(x.GetUpper(), out var bellHigh);
        bell = Vector256.Create(bellLow, bellHigh);
        return Vector256.Create(low, high);
    }
}
