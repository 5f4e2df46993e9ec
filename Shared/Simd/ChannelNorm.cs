using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>What batch and group normalization share: affine maps and gradient sums over runs of elements of one channel.</summary>
internal static unsafe class ChannelNorm
{
    /// <summary>1/√(variance + ε), both roundings exact.</summary>
    internal static float ReciprocalRoot(float variance, float epsilon) => 1f / MathF.Sqrt(variance + epsilon);

    /// <summary>y = (x − mean)·rstd·weight + bias over a run, one weight and bias for all of it.</summary>
    internal static void Normalize(float* x, float* y, int n, float mean, float rstd, float weight, float bias)
        => Map.Unary(new Affine(mean, rstd, weight, bias), new ReadOnlySpan<float>(x, n), new Span<float>(y, n));

    /// <summary>Σ dy and Σ dy·(x − mean)·rstd over a run, sixteen lanes.</summary>
    internal static (float Sum, float Projected) GradientSums(float* dy, float* x, int n, float mean, float rstd)
        => (Reduce.Sum(new Reduce.Identity(), dy, dy, n), Reduce.Sum(new Projection(mean, rstd), dy, x, n));

    /// <summary>dx = rstd·(dy·weight − meanGradient − x̂·meanProjected) over a run, or added to dx.</summary>
    internal static void Backward(float* dy, float* x, float* dx, int n, float mean, float rstd, float weight, float meanGradient, float meanProjected, bool accumulate)
        => Map.Binary(
            new InputGradient(mean, rstd, weight, meanGradient, meanProjected), new ReadOnlySpan<float>(dy, n), new ReadOnlySpan<float>(x, n), new Span<float>(dx, n), accumulate);

    private readonly struct Affine(float mean, float rstd, float weight, float bias) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x)
            => (x - Vector512.Create(mean)) * Vector512.Create(rstd) * Vector512.Create(weight) + Vector512.Create(bias);
    }

    private readonly struct Projection(float mean, float rstd) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> a, Vector512<float> b) => a * ((b - Vector512.Create(mean)) * Vector512.Create(rstd));
    }

    private readonly struct InputGradient(float mean, float rstd, float weight, float meanGradient, float meanProjected) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> a, Vector512<float> b)
        {
            var normalized = (b - Vector512.Create(mean)) * Vector512.Create(rstd);
            return Vector512.Create(rstd) * (a * Vector512.Create(weight) - Vector512.Create(meanGradient) - normalized * Vector512.Create(meanProjected));
        }
    }
}
