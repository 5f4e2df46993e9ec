using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

public static partial class OptimizerKernels
{
    /// <summary><see href="https://pytorch.org/docs/2.6/generated/torch.optim.RMSprop.html">RMSprop</see>.</summary>
    /// <param name="parameters">The weights before the step.</param>
    /// <param name="gradients">The gradient.</param>
    /// <param name="squareAverage">State square_avg, starting at zero.</param>
    /// <param name="gradientAverage">State grad_avg, starting at zero; empty unless centered.</param>
    /// <param name="momentumBuffer">State momentum_buffer, starting at zero; empty where momentum is 0.</param>
    /// <param name="destination">Receives the weights after the step; may be <paramref name="parameters"/>.</param>
    /// <param name="learningRate">The rate of this step.</param>
    /// <param name="alpha">Decay of the averages.</param>
    /// <param name="epsilon">Added to the root.</param>
    /// <param name="weightDecay">L2 penalty.</param>
    /// <param name="momentum">0 for none.</param>
    /// <param name="maximize">Ascend instead.</param>
    /// <param name="gradientScale">A factor on every gradient element (clipping); 1 for none.</param>
    public static void RmsProp(
        ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, Span<float> squareAverage, Span<float> gradientAverage, Span<float> momentumBuffer, Span<float> destination,
        double learningRate, double alpha = 0.99, double epsilon = 1e-8, double weightDecay = 0, double momentum = 0, bool maximize = false, float gradientScale = 1f)
    {
        var centered = !gradientAverage.IsEmpty;
        var update = new RmsPropUpdate(
            (float)-learningRate, (float)alpha, (float)(1 - alpha), (float)epsilon, (float)weightDecay, (float)momentum, centered, SignedScale(gradientScale, maximize));
        if (momentum == 0)
            Run(update, parameters, gradients, squareAverage, gradientAverage, default, destination);
        else if (centered)
            Run(update, parameters, gradients, squareAverage, gradientAverage, momentumBuffer, destination);
        else
            Run(new PlainMomentum(update), parameters, gradients, squareAverage, momentumBuffer, default, destination);
    }

    /// <summary><see href="https://pytorch.org/docs/2.6/generated/torch.optim.Adagrad.html">Adagrad</see>.</summary>
    /// <param name="parameters">The weights before the step.</param>
    /// <param name="gradients">The gradient.</param>
    /// <param name="sum">State: the sum of squares, starting at the initial accumulator value.</param>
    /// <param name="destination">Receives the weights after the step; may be <paramref name="parameters"/>.</param>
    /// <param name="step">From 1.</param>
    /// <param name="learningRate">The rate of this step, before its own decay.</param>
    /// <param name="learningRateDecay">The rate is divided by 1 + (step − 1)·this.</param>
    /// <param name="weightDecay">L2 penalty.</param>
    /// <param name="epsilon">Added to the root.</param>
    /// <param name="maximize">Ascend instead.</param>
    /// <param name="gradientScale">A factor on every gradient element (clipping); 1 for none.</param>
    public static void Adagrad(
        ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, Span<float> sum, Span<float> destination,
        long step, double learningRate, double learningRateDecay = 0, double weightDecay = 0, double epsilon = 1e-10, bool maximize = false, float gradientScale = 1f)
    {
        var rate = learningRate / (1 + (step - 1) * learningRateDecay);
        var update = new AdagradUpdate((float)-rate, (float)epsilon, (float)weightDecay, SignedScale(gradientScale, maximize));
        Run(update, parameters, gradients, sum, default, default, destination);
    }

    /// <summary><see href="https://pytorch.org/docs/2.6/generated/torch.optim.Adadelta.html">Adadelta</see>.</summary>
    /// <param name="parameters">The weights before the step.</param>
    /// <param name="gradients">The gradient.</param>
    /// <param name="squareAverage">State square_avg, starting at zero.</param>
    /// <param name="accumulatedDelta">State acc_delta, starting at zero.</param>
    /// <param name="destination">Receives the weights after the step; may be <paramref name="parameters"/>.</param>
    /// <param name="learningRate">The rate of this step.</param>
    /// <param name="rho">Decay of the averages.</param>
    /// <param name="epsilon">Added under the roots.</param>
    /// <param name="weightDecay">L2 penalty.</param>
    /// <param name="maximize">Ascend instead.</param>
    /// <param name="gradientScale">A factor on every gradient element (clipping); 1 for none.</param>
    public static void Adadelta(
        ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, Span<float> squareAverage, Span<float> accumulatedDelta, Span<float> destination,
        double learningRate = 1, double rho = 0.9, double epsilon = 1e-6, double weightDecay = 0, bool maximize = false, float gradientScale = 1f)
    {
        var update = new AdadeltaUpdate((float)-learningRate, (float)rho, (float)(1 - rho), (float)epsilon, (float)weightDecay, SignedScale(gradientScale, maximize));
        Run(update, parameters, gradients, squareAverage, accumulatedDelta, default, destination);
    }

    private readonly struct RmsPropUpdate(
        float negativeRate, float alpha, float take, float epsilon, float penalty, float momentum, bool centered, float scale) : IUpdate
    {
        public int States => momentum != 0 ? 3 : centered ? 2 : 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
        {
            g *= Vector512.Create(scale);
            if (penalty != 0)
                g += Vector512.Create(penalty) * p;
            s0 = s0 * Vector512.Create(alpha) + Vector512.Create(take) * g * g;
            var variance = s0;
            if (centered)
            {
                s1 = Lerp(s1, g, take);
                variance -= s1 * s1;
            }
            var direction = g / (Vector512.Sqrt(variance) + Vector512.Create(epsilon));
            if (momentum != 0)
                direction = s2 = s2 * Vector512.Create(momentum) + direction;
            return p + Vector512.Create(negativeRate) * direction;
        }
    }

    // Momentum without centering: the momentum buffer is the second state.
    private readonly struct PlainMomentum(RmsPropUpdate rule) : IUpdate
    {
        public int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
            => rule.Invoke(p, g, ref s0, ref s2, ref s1);
    }

    private readonly struct AdagradUpdate(float negativeRate, float epsilon, float penalty, float scale) : IUpdate
    {
        public int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
        {
            g *= Vector512.Create(scale);
            if (penalty != 0)
                g += Vector512.Create(penalty) * p;
            s0 += g * g;
            return p + Vector512.Create(negativeRate) * (g / (Vector512.Sqrt(s0) + Vector512.Create(epsilon)));
        }
    }

    private readonly struct AdadeltaUpdate(float negativeRate, float rho, float take, float epsilon, float penalty, float scale) : IUpdate
    {
        public int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
        {
            g *= Vector512.Create(scale);
            if (penalty != 0)
                g += Vector512.Create(penalty) * p;
            s0 = s0 * Vector512.Create(rho) + Vector512.Create(take) * g * g;
            var delta = Vector512.Sqrt(s1 + Vector512.Create(epsilon)) / Vector512.Sqrt(s0 + Vector512.Create(epsilon)) * g;
            s1 = s1 * Vector512.Create(rho) + Vector512.Create(take) * delta * delta;
            return p + Vector512.Create(negativeRate) * delta;
        }
    }
}
