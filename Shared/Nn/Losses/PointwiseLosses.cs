using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>Losses of each output element against its own target. A target <c>[N]</c> fits an output <c>[N, 1]</c>; otherwise shapes are equal.</summary>
public abstract class PointwiseLoss : Loss
{
    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public sealed override Tensor Compute(Tensor output, Tensor target)
    {
        if (target.Type != DType.Float32) target = target.To(DType.Float32);
        if (target.Shape != output.Shape)
        {
            bool column = output.Rank == target.Rank + 1 && output.Shape[^1] == 1 && output.Shape.Without(-1) == target.Shape;
            // Broadcasting [N, 1] against [N] would quietly compare every output with every target.
            if (!column) throw new ArgumentException($"{GetType().Name}: output {output.Shape} and target {target.Shape}, expected equal shapes");
            target = target.Reshape(output.Shape);
        }
        return Of(output, target);
    }

    private protected abstract Tensor Of(Tensor output, Tensor target);
}

/// <summary>(output − target)², as PyTorch's <c>MSELoss</c>.</summary>
public sealed class MSELoss : PointwiseLoss
{
    /// <inheritdoc/>
    public override string Name => "mse_loss";

    /// <inheritdoc/>
    public override LearningTask Task => LearningTask.Regression;

    private protected override Tensor Of(Tensor output, Tensor target) => output.MseLoss(target, Reduction);
}

/// <summary>|output − target|, as PyTorch's <c>L1Loss</c>.</summary>
public sealed class L1Loss : PointwiseLoss
{
    /// <inheritdoc/>
    public override string Name => "l1_loss";

    /// <inheritdoc/>
    public override LearningTask Task => LearningTask.Regression;

    private protected override Tensor Of(Tensor output, Tensor target) => output.L1Loss(target, Reduction);
}

/// <summary>½·d² for d = |output − target| up to delta, then delta·(d − ½·delta), as PyTorch's <c>HuberLoss</c>.</summary>
/// <param name="delta">Where the parabola ends, above 0.</param>
public sealed class HuberLoss(float delta = 1f) : PointwiseLoss
{
    /// <inheritdoc/>
    public override string Name => "huber_loss";

    /// <inheritdoc/>
    public override LearningTask Task => LearningTask.Regression;

    private protected override Tensor Of(Tensor output, Tensor target) => output.HuberLoss(target, Reduction, delta);
}

/// <summary>½·d²/beta for d = |output − target| below beta, then d − ½·beta, as PyTorch's <c>SmoothL1Loss</c>.</summary>
/// <param name="beta">Where the parabola ends, 0 or more.</param>
public sealed class SmoothL1Loss(float beta = 1f) : PointwiseLoss
{
    /// <inheritdoc/>
    public override string Name => "smooth_l1_loss";

    /// <inheritdoc/>
    public override LearningTask Task => LearningTask.Regression;

    private protected override Tensor Of(Tensor output, Tensor target) => output.SmoothL1Loss(target, Reduction, beta);
}

/// <summary>Binary cross-entropy of logits against targets in [0, 1], as PyTorch's <c>BCEWithLogitsLoss</c>: two classes, or several labels at once.</summary>
public sealed class BCEWithLogitsLoss : PointwiseLoss
{
    private readonly Tensor? positiveWeights;

    /// <summary>Makes the loss.</summary>
    /// <param name="posWeight">What the loss of a positive target is multiplied with, for each output, 0 or more; null for 1. The mean still divides by the number of targets.</param>
    /// <exception cref="ArgumentException">A weight is negative or not finite.</exception>
    public BCEWithLogitsLoss(float[]? posWeight = null)
    {
        if (posWeight is null) return;
        if (Array.FindIndex(posWeight, w => !(w >= 0) || float.IsInfinity(w)) is >= 0 and var at)
            throw new ArgumentException($"BCEWithLogitsLoss: the weight of output {at} was {posWeight[at]}, expected a finite number of 0 or more");
        var own = TensorMemory.EmptyPersistent(new Shape(posWeight.Length));
        posWeight.CopyTo(own.Span);
        positiveWeights = own;
    }

    /// <inheritdoc/>
    public override string Name => "binary_cross_entropy_with_logits";

    /// <inheritdoc/>
    public override LearningTask Task => LearningTask.Labels;

    /// <summary>A logit above 0 predicts a target above ½.</summary>
    public override (long Correct, long Counted) Score(Tensor output, Tensor target)
    {
        var logits = output.Contiguous().Span;
        var targets = target.To(DType.Float32).Contiguous().Span;
        long correct = 0;
        for (int i = 0; i < targets.Length; i++)
            if (logits[i] > 0f == targets[i] > 0.5f) correct++;
        return (correct, targets.Length);
    }

    private protected override Tensor Of(Tensor output, Tensor target) => output.BinaryCrossEntropyWithLogits(target, Reduction, posWeight: positiveWeights);
}

/// <summary>Kullback-Leibler divergence of log-probabilities from target probabilities, as PyTorch's <c>KLDivLoss</c>; <see cref="Reduction.BatchMean"/> is the formula's.</summary>
/// <param name="logTarget">Whether targets are logarithms.</param>
public sealed class KLDivLoss(bool logTarget = false) : PointwiseLoss
{
    /// <inheritdoc/>
    public override string Name => "kl_div";

    /// <inheritdoc/>
    public override double Denominator(Tensor target) => Reduction == Reduction.BatchMean && target.Rank > 0 ? target.Shape[0] : base.Denominator(target);

    private protected override Tensor Of(Tensor output, Tensor target) => output.KlDiv(target, Reduction, logTarget);
}
