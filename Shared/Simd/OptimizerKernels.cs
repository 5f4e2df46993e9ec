using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// The update rules of the optimizers, each one pass over a slice: parameters and gradients in, state in place, new parameters out (the destination may be the
/// parameters themselves). An element depends on itself alone and no operation is fused, so that any cut of a slice, and any machine, gives the same bits.
/// Formulas and order of operations are those of PyTorch 2.6's single-tensor implementations; scalars are computed in double, then rounded to float.
/// </summary>
[SkipLocalsInit]
public static unsafe partial class OptimizerKernels
{
    /// <summary>One optimizer's arithmetic on sixteen lanes.</summary>
    private interface IUpdate
    {
        /// <summary>State buffers that are used, 0 to 3; the lanes of the others are zero.</summary>
        int States { get; }

        /// <summary>The new parameters.</summary>
        Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2);
    }

    /// <summary>β^step by repeated squaring, in double: no C-runtime pow, so the same bits everywhere.</summary>
    public static double Power(double beta, long step)
    {
        var result = 1.0;
        for (; step > 0; step >>= 1, beta *= beta)
        {
            if ((step & 1) != 0)
                result *= beta;
        }
        return result;
    }

    // All rules read the gradient through this: clipping's factor, and the sign that maximizing turns.
    private static float SignedScale(float gradientScale, bool maximize) => maximize ? -gradientScale : gradientScale;

    private static void Run<TUpdate>(TUpdate update, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, Span<float> s0, Span<float> s1, Span<float> s2, Span<float> destination)
        where TUpdate : struct, IUpdate
    {
        var length = parameters.Length;
        Lanes.RequireLength<TUpdate>(nameof(gradients), gradients.Length, length);
        Lanes.RequireLength<TUpdate>(nameof(destination), destination.Length, length);
        Lanes.RequireLength<TUpdate>("the first state", s0.Length, update.States > 0 ? length : 0);
        Lanes.RequireLength<TUpdate>("the second state", s1.Length, update.States > 1 ? length : 0);
        Lanes.RequireLength<TUpdate>("the third state", s2.Length, update.States > 2 ? length : 0);
        fixed (float* p = parameters, g = gradients, a = s0, b = s1, c = s2, y = destination)
        {
            switch (update.States)
            {
                case 0: Loop<TUpdate, Zero>(update, p, g, a, b, c, y, length); break;
                case 1: Loop<TUpdate, One>(update, p, g, a, b, c, y, length); break;
                case 2: Loop<TUpdate, Two>(update, p, g, a, b, c, y, length); break;
                default: Loop<TUpdate, Three>(update, p, g, a, b, c, y, length); break;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Loop<TUpdate, TStates>(TUpdate update, float* p, float* g, float* a, float* b, float* c, float* y, int length)
        where TUpdate : struct, IUpdate
        where TStates : struct, IStates
    {
        var zero = Vector512<float>.Zero;
        var i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
        {
            var s0 = TStates.Count > 0 ? Lanes.Load(a + i) : zero;
            var s1 = TStates.Count > 1 ? Lanes.Load(b + i) : zero;
            var s2 = TStates.Count > 2 ? Lanes.Load(c + i) : zero;
            update.Invoke(Lanes.Load(p + i), Lanes.Load(g + i), ref s0, ref s1, ref s2).Store(y + i);
            Lanes.Prefetch(p + i);
            Lanes.Prefetch(g + i);
            Lanes.Prefetch(y + i);
            if (TStates.Count > 0)
            {
                s0.Store(a + i);
                Lanes.Prefetch(a + i);
            }
            if (TStates.Count > 1)
            {
                s1.Store(b + i);
                Lanes.Prefetch(b + i);
            }
            if (TStates.Count > 2)
            {
                s2.Store(c + i);
                Lanes.Prefetch(c + i);
            }
        }
        if (i < length)
        {
            var n = length - i;
            var s0 = TStates.Count > 0 ? Lanes.Load(a + i, n) : zero;
            var s1 = TStates.Count > 1 ? Lanes.Load(b + i, n) : zero;
            var s2 = TStates.Count > 2 ? Lanes.Load(c + i, n) : zero;
            Lanes.Store(update.Invoke(Lanes.Load(p + i, n), Lanes.Load(g + i, n), ref s0, ref s1, ref s2), y + i, n);
            if (TStates.Count > 0)
                Lanes.Store(s0, a + i, n);
            if (TStates.Count > 1)
                Lanes.Store(s1, b + i, n);
            if (TStates.Count > 2)
                Lanes.Store(s2, c + i, n);
        }
    }

    // start + weight·(end − start), as torch.lerp for weights below ½; from ½ on, end − (1 − weight)·(end − start).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Lerp(Vector512<float> start, Vector512<float> end, float weight)
    {
        var difference = end - start;
        return weight < 0.5f ? start + Vector512.Create(weight) * difference : end - Vector512.Create(1f - weight) * difference;
    }

    // How many state buffers the loop touches, as a type: a constant to the JIT.
    private interface IStates
    {
        static abstract int Count { get; }
    }

    private readonly struct Zero : IStates
    {
        public static int Count => 0;
    }

    private readonly struct One : IStates
    {
        public static int Count => 1;
    }

    private readonly struct Two : IStates
    {
        public static int Count => 2;
    }

    private readonly struct Three : IStates
    {
        public static int Count => 3;
    }
}
