using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

public static partial class OptimizerKernels
{
    /// <summary>
    /// Stochastic gradient descent (<see href="https://pytorch.org/docs/2.6/generated/torch.optim.SGD.html">PyTorch's SGD</see>).
    /// </summary>
    /// <param name="parameters">The weights before the step.</param>
    /// <param name="gradients">The gradient.</param>
    /// <param name="momentumBuffer">State, starting at zero; empty where momentum is 0.</param>
    /// <param name="destination">Receives the weights after the step; may be <paramref name="parameters"/>.</param>
    /// <param name="step">From 1: the first step sets the momentum buffer to the gradient, without dampening.</param>
    /// <param name="learningRate">The rate of this step.</param>
    /// <param name="momentum">0 for none.</param>
    /// <param name="dampening">Taken from the gradient's share in the momentum.</param>
    /// <param name="weightDecay">L2 penalty.</param>
    /// <param name="nesterov">Nesterov's momentum.</param>
    /// <param name="maximize">Ascend instead.</param>
    /// <param name="gradientScale">A factor on every gradient element (clipping); 1 for none.</param>
    public static void Sgd(
        ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, Span<float> momentumBuffer, Span<float> destination,
        long step, double learningRate, double momentum = 0, double dampening = 0, double weightDecay = 0, bool nesterov = false, bool maximize = false, float gradientScale = 1f)
    {
        var scale = SignedScale(gradientScale, maximize);
        if (momentum == 0)
        {
            Run(new SgdUpdate((float)-learningRate, (float)weightDecay, scale), parameters, gradients, default, default, default, destination);
            return;
        }
        var keep = step <= 1 ? 0f : (float)momentum;
        var take = step <= 1 ? 1f : (float)(1 - dampening);
        var update = new MomentumUpdate((float)-learningRate, (float)momentum, keep, take, (float)weightDecay, nesterov, scale);
        Run(update, parameters, gradients, momentumBuffer, default, default, destination);
    }

    /// <summary>
    /// Resilient backpropagation (<see href="https://pytorch.org/docs/2.6/generated/torch.optim.Rprop.html">PyTorch's Rprop</see>): the sign alone decides.
    /// </summary>
    /// <param name="parameters">The weights before the step.</param>
    /// <param name="gradients">The gradient.</param>
    /// <param name="previous">State: the last gradient, starting at zero.</param>
    /// <param name="stepSizes">State: each element's step, starting at the learning rate.</param>
    /// <param name="destination">Receives the weights after the step; may be <paramref name="parameters"/>.</param>
    /// <param name="etaMinus">The step's factor where the sign turned.</param>
    /// <param name="etaPlus">The step's factor where the sign stayed.</param>
    /// <param name="smallestStep">The least step.</param>
    /// <param name="largestStep">The greatest step.</param>
    /// <param name="maximize">Ascend instead.</param>
    /// <param name="gradientScale">A factor on every gradient element (clipping); 1 for none.</param>
    public static void Rprop(
        ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, Span<float> previous, Span<float> stepSizes, Span<float> destination,
        double etaMinus = 0.5, double etaPlus = 1.2, double smallestStep = 1e-6, double largestStep = 50, bool maximize = false, float gradientScale = 1f)
        => Run(
            new RpropUpdate((float)etaMinus, (float)etaPlus, (float)smallestStep, (float)largestStep, SignedScale(gradientScale, maximize)),
            parameters, gradients, previous, stepSizes, default, destination);

    private readonly struct SgdUpdate(float negativeRate, float weightDecay, float scale) : IUpdate
    {
        public int States => 0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
        {
            g *= Vector512.Create(scale);
            if (weightDecay != 0)
                g += Vector512.Create(weightDecay) * p;
            return p + Vector512.Create(negativeRate) * g;
        }
    }

    private readonly struct MomentumUpdate(float negativeRate, float momentum, float keep, float take, float weightDecay, bool nesterov, float scale) : IUpdate
    {
        public int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
        {
            g *= Vector512.Create(scale);
            if (weightDecay != 0)
                g += Vector512.Create(weightDecay) * p;

            // On the first step nothing is kept, not even a NaN times zero.
            s0 = keep != 0 ? Vector512.Create(keep) * s0 + Vector512.Create(take) * g : Vector512.Create(take) * g;
            g = nesterov ? g + Vector512.Create(momentum) * s0 : s0;
            return p + Vector512.Create(negativeRate) * g;
        }
    }

    private readonly struct RpropUpdate(float etaMinus, float etaPlus, float smallest, float largest, float scale) : IUpdate
    {
        public int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> p, Vector512<float> g, ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2)
        {
            var zero = Vector512<float>.Zero;
            g *= Vector512.Create(scale);
            var agreement = g * s0;
            var turned = Vector512.LessThan(agreement, zero);
            var factor = Vector512.ConditionalSelect(Vector512.GreaterThan(agreement, zero), Vector512.Create(etaPlus), Vector512<float>.One);
            factor = Vector512.ConditionalSelect(turned, Vector512.Create(etaMinus), factor);
            s1 = Vector512.Min(Vector512.Max(s1 * factor, Vector512.Create(smallest)), Vector512.Create(largest));
            g = Vector512.AndNot(g, turned);
            s0 = g;
            var direction = Vector512.ConditionalSelect(Vector512.Equals(g, zero), zero, Formulas.CopySign(Vector512<float>.One, g));
            return p - direction * s1;
        }
    }
}
