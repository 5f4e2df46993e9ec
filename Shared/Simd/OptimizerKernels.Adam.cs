using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

public static partial class OptimizerKernels
{
    /// <summary>
    /// <see href="https://pytorch.org/docs/2.6/generated/torch.optim.Adam.html">Adam</see> and, with <paramref name="decoupled"/>,
    /// <see href="https://pytorch.org/docs/2.6/generated/torch.optim.AdamW.html">AdamW</see>.
    /// </summary>
    /// <param name="parameters">The weights before the step.</param>
    /// <param name="gradients">The gradient.</param>
    /// <param name="average">State exp_avg, starting at zero.</param>
    /// <param name="squareAverage">State exp_avg_sq, starting at zero.</param>
    /// <param name="largestSquareAverage">State max_exp_avg_sq, starting at zero: AMSGrad; empty where it is off.</param>
    /// <param name="destination">Receives the weights after the step; may be <paramref name="parameters"/>.</param>
    /// <param name="step">From 1.</param>
    /// <param name="learningRate">The rate of this step.</param>
    /// <param name="beta1">Decay of the average.</param>
    /// <param name="beta2">Decay of the squares' average.</param>
    /// <param name="epsilon">Added to the root.</param>
    /// <param name="weightDecay">L2 penalty, or AdamW's decay.</param>
    /// <param name="decoupled">AdamW: the decay shrinks the weights, not the gradient.</param>
    /// <param name="maximize">Ascend instead.</param>
    /// <param name="gradientScale">A factor on every gradient element (clipping); 1 for none.</param>
    public static void Adam(
        ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, Span<float> average, Span<float> squareAverage, Span<float> largestSquareAverage, Span<float> destination,
        long step, double learningRate, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0, bool decoupled = false, bool maximize = false, float gradientScale = 1f)
    {
        var amsgrad = !largestSquareAverage.IsEmpty;
        var update = new AdamUpdate(
            (float)(-learningRate / (1 - Power(beta1, step))), (float)(1 - beta1), (float)beta2, (float)(1 - beta2), (float)Math.Sqrt(1 - Power(beta2, step)), (float)epsilon,
            decoupled ? 0f : (float)weightDecay, decoupled ? (float)(1 - learningRate * weightDecay) : 1f, amsgrad, SignedScale(gradientScale, maximize));
        Run(update, parameters, gradients, average, squareAverage, largestSquareAverage, destination);
    }

    /// <summary><see href="https://pytorch.org/docs/2.6/generated/torch.optim.Adamax.html">Adamax</see>: Adam with the infinity norm.</summary>
    /// <param name="parameters">The weights before the step.</param>
    /// <param name="gradients">The gradient.</param>
    /// <param name="average">State exp_avg, starting at zero.</param>
    /// <param name="infinityNorm">State exp_inf, starting at zero.</param>
    /// <param name="destination">Receives the weights after the step; may be <paramref name="parameters"/>.</param>
    /// <param name="step">From 1.</param>
    /// <param name="learningRate">The rate of this step.</param>
    /// <param name="beta1">Decay of the average.</param>
    /// <param name="beta2">Decay of the norm.</param>
    /// <param name="epsilon">Added to the gradient's magnitude.</param>
    /// <param name="weightDecay">L2 penalty.</param>
    /// <param name="maximize">Ascend instead.</param>
    /// <param name="gradientScale">A factor on every gradient element (clipping); 1 for none.</param>
    public static void Adamax(
        ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, Span<float> average, Span<float> infinityNorm, Span<float> destination,
        long step, double learningRate, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0, bool maximize = false, float gradientScale = 1f)
    {
        var update = new AdamaxUpdate(
            (float)(-learningRate / (1 - Power(beta1, step))), (float)(1 - beta1), (float)beta2, (float)epsilon, (float)weightDecay, SignedScale(gradientScale, maximize));
        Run(update, parameters, gradients, average, infinityNorm, default, destination);
    }

    /// <summary>NAdam's momentum at a step: β1·(1 − ½·0.96^(step·decay)). The caller multiplies those of all steps so far for <see cref="NAdam"/>.</summary>
    public static double NAdamMomentum(double beta1, double momentumDecay, long step)
    {
        // ln 0.96, so that no C-runtime pow is needed.
        const double LogBase = -0.040821994520255166;
        return beta1 * (1 - 0.5 * DoubleFormulas.Exp(Vector512.Create(step * momentumDecay * LogBase)).ToScalar());
    }

    /// <summary><see href="https://pytorch.org/docs/2.6/generated/torch.optim.NAdam.html">NAdam</see>: Adam with Nesterov's momentum.</summary>
    /// <param name="parameters">The weights before the step.</param>
    /// <param name="gradients">The gradient.</param>
    /// <param name="average">State exp_avg, starting at zero.</param>
    /// <param name="squareAverage">State exp_avg_sq, starting at zero.</param>
    /// <param name="destination">Receives the weights after the step; may be <paramref name="parameters"/>.</param>
    /// <param name="step">From 1.</param>
    /// <param name="momentumProduct">The product of <see cref="NAdamMomentum"/> for steps 1 … step.</param>
    /// <param name="learningRate">The rate of this step.</param>
    /// <param name="beta1">Decay of the average.</param>
    /// <param name="beta2">Decay of the squares' average.</param>
    /// <param name="epsilon">Added to the root.</param>
    /// <param name="weightDecay">L2 penalty, or decoupled decay.</param>
    /// <param name="momentumDecay">How quickly the momentum approaches β1.</param>
    /// <param name="decoupled">The decay shrinks the weights, not the gradient.</param>
    /// <param name="maximize">Ascend instead.</param>
    /// <param name="gradientScale">A factor on every gradient element (clipping); 1 for none.</param>
    public static void NAdam(
        ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, Span<float> average, Span<float> squareAverage, Span<float> destination,
        long step, double momentumProduct, double learningRate, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0, double momentumDecay = 0.004,
        bool decoupled = false, bool maximize = false, float gradientScale = 1f)
    {
        var momentum = NAdamMomentum(beta1, momentumDecay, step);
        var next = NAdamMomentum(beta1, momentumDecay, step + 1);
        var update = new NAdamUpdate(
            (float)(-learningRate * (1 - momentum) / (1 - momentumProduct)), (float)(-learningRate * next / (1 - momentumProduct * next)),
            (float)(1 - beta1), (float)beta2, (float)(1 - beta2), (float)(1 - Power(beta2, step)), (float)epsilon,
            decoupled ? 0f : (float)weightDecay, decoupled ? (float)(1 - learningRate * weightDecay) : 1f, SignedScale(gradientScale, maximize));
        Run(update, parameters, gradients, average, squareAverage, default, destination);
    }

    /// <summary><see href="https://pytorch.org/docs/2.6/generated/torch.optim.RAdam.html">RAdam</see>: Adam with a rectified early phase.</summary>
    /// <param name="parameters">The weights before the step.</param>
    /// <param name="gradients">The gradient.</param>
    /// <param name="average">State exp_avg, starting at zero.</param>
    /// <param name="squareAverage">State exp_avg_sq, starting at zero.</param>
    /// <param name="destination">Receives the weights after the step; may be <paramref name="parameters"/>.</param>
    /// <param name="step">From 1.</param>
    /// <param name="learningRate">The rate of this step.</param>
    /// <param name="beta1">Decay of the average.</param>
    /// <param name="beta2">Decay of the squares' average.</param>
    /// <param name="epsilon">Added to the root.</param>
    /// <param name="weightDecay">L2 penalty, or decoupled decay.</param>
    /// <param name="decoupled">The decay shrinks the weights, not the gradient.</param>
    /// <param name="maximize">Ascend instead.</param>
    /// <param name="gradientScale">A factor on every gradient element (clipping); 1 for none.</param>
    public static void RAdam(
        ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, Span<float> average, Span<float> squareAverage, Span<float> destination,
        long step, double learningRate, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0, bool decoupled = false, bool maximize = false, float gradientScale = 1f)
    {
        var power2 = Power(beta2, step);
        var correction2 = 1 - power2;
        var rhoInfinity = 2 / (1 - beta2) - 1;
        var rho = rhoInfinity - 2 * step * power2 / correction2;
        var rectified = rho > 5;
        var rectification = rectified
            ? Math.Sqrt((rho - 4) * (rho - 2) * rhoInfinity / ((rhoInfinity - 4) * (rhoInfinity - 2) * rho)) * Math.Sqrt(correction2)
            : 1;
        var update = new RAdamUpdate(
            (float)(-learningRate / (1 - Power(beta1, step)) * rectification), rectified, (float)(1 - beta1), (float)beta2, (float)(1 - beta2), (float)epsilon,
            decoupled ? 0f : (float)weightDecay, decoupled ? (float)(1 - learningRate * weightDecay) : 1f, SignedScale(gradientScale, maximize));
        Run(update, parameters, gradients, average, squareAverage, default, destination);
    }

    private readonly struct AdamUpdate(
        float negativeStep, float take1, float beta2, float take2, float rootCorrection, float epsilon, float penalty, float shrink, bool amsgrad, float scale) : IUpdate
    {
        public int States => amsgrad ? 3 : 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
        {
            g *= Vector512.Create(scale);
            p *= Vector512.Create(shrink);
            if (penalty != 0)
                g += Vector512.Create(penalty) * p;
            s0 = Lerp(s0, g, take1);
            s1 = s1 * Vector512.Create(beta2) + Vector512.Create(take2) * g * g;
            var square = s1;
            if (amsgrad)
                square = s2 = Vector512.Max(s2, s1);
            var denominator = Vector512.Sqrt(square) / Vector512.Create(rootCorrection) + Vector512.Create(epsilon);
            return p + Vector512.Create(negativeStep) * (s0 / denominator);
        }
    }

    private readonly struct AdamaxUpdate(float negativeStep, float take1, float beta2, float epsilon, float penalty, float scale) : IUpdate
    {
        public int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
        {
            g *= Vector512.Create(scale);
            if (penalty != 0)
                g += Vector512.Create(penalty) * p;
            s0 = Lerp(s0, g, take1);
            s1 = Vector512.Max(s1 * Vector512.Create(beta2), Vector512.Abs(g) + Vector512.Create(epsilon));
            return p + Vector512.Create(negativeStep) * (s0 / s1);
        }
    }

    private readonly struct NAdamUpdate(
        float gradientStep, float averageStep, float take1, float beta2, float take2, float correction2, float epsilon, float penalty, float shrink, float scale) : IUpdate
    {
        public int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
        {
            g *= Vector512.Create(scale);
            p *= Vector512.Create(shrink);
            if (penalty != 0)
                g += Vector512.Create(penalty) * p;
            s0 = Lerp(s0, g, take1);
            s1 = s1 * Vector512.Create(beta2) + Vector512.Create(take2) * g * g;
            var denominator = Vector512.Sqrt(s1 / Vector512.Create(correction2)) + Vector512.Create(epsilon);
            p += Vector512.Create(gradientStep) * (g / denominator);
            return p + Vector512.Create(averageStep) * (s0 / denominator);
        }
    }

    private readonly struct RAdamUpdate(
        float negativeStep, bool rectified, float take1, float beta2, float take2, float epsilon, float penalty, float shrink, float scale) : IUpdate
    {
        public int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
        {
            g *= Vector512.Create(scale);
            p *= Vector512.Create(shrink);
            if (penalty != 0)
                g += Vector512.Create(penalty) * p;
            s0 = Lerp(s0, g, take1);
            s1 = s1 * Vector512.Create(beta2) + Vector512.Create(take2) * g * g;
            var direction = rectified ? s0 / (Vector512.Sqrt(s1) + Vector512.Create(epsilon)) : s0;
            return p + Vector512.Create(negativeStep) * direction;
        }
    }
}
