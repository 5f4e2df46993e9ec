using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;
using DistTrain.Nn;

namespace DistTrain.Training.Files;

/// <summary>A loss with its arguments, under PyTorch's names and with their defaults. A new one is a record here and a line in <see cref="All"/>.</summary>
public abstract record LossOptions
{
    /// <summary>The losses that a job may be asked for.</summary>
    public static readonly ImmutableArray<NamedType> All =
    [
        new("CrossEntropyLoss", typeof(CrossEntropyOptions)), new("NLLLoss", typeof(NllOptions)), new("MSELoss", typeof(MseOptions)), new("L1Loss", typeof(L1Options)), new("HuberLoss", typeof(HuberOptions)),
        new("SmoothL1Loss", typeof(SmoothL1Options)), new("BCEWithLogitsLoss", typeof(BceOptions)), new("KLDivLoss", typeof(KlDivOptions)),
    ];

    /// <summary>Makes the loss.</summary>
    /// <exception cref="ArgumentException">An argument is out of range.</exception>
    public abstract Loss Create();

    /// <inheritdoc/>
    public sealed override string ToString() => All.First(known => known.Type == GetType()).Name;
}

/// <summary>Softmax cross-entropy of logits against classes.</summary>
/// <param name="Weight">A weight for each class, 0 or more.</param>
/// <param name="IgnoreIndex">A label that does not count.</param>
/// <param name="LabelSmoothing">The share of the target that is spread over all classes.</param>
public sealed record CrossEntropyOptions(IReadOnlyList<float>? Weight = null, int? IgnoreIndex = null, [Range(0.0, 1.0)] float LabelSmoothing = 0f) : LossOptions
{
    /// <inheritdoc/>
    public override Loss Create() => new CrossEntropyLoss(Weight?.ToArray(), IgnoreIndex, LabelSmoothing);
}

/// <summary>The negative log-likelihood of log-probabilities against classes.</summary>
/// <param name="Weight">A weight for each class, 0 or more.</param>
/// <param name="IgnoreIndex">A label that does not count.</param>
public sealed record NllOptions(IReadOnlyList<float>? Weight = null, int? IgnoreIndex = null) : LossOptions
{
    /// <inheritdoc/>
    public override Loss Create() => new NLLLoss(Weight?.ToArray(), IgnoreIndex);
}

/// <summary>The mean square of differences.</summary>
public sealed record MseOptions : LossOptions
{
    /// <inheritdoc/>
    public override Loss Create() => new MSELoss();
}

/// <summary>The mean amount of differences.</summary>
public sealed record L1Options : LossOptions
{
    /// <inheritdoc/>
    public override Loss Create() => new L1Loss();
}

/// <summary>Half the square of small differences, the amount of large ones.</summary>
/// <param name="Delta">Where large begins.</param>
public sealed record HuberOptions([Range(double.Epsilon, 1e30)] float Delta = 1f) : LossOptions
{
    /// <inheritdoc/>
    public override Loss Create() => new HuberLoss(Delta);
}

/// <summary>Half the square of small differences divided by beta, the amount of large ones.</summary>
/// <param name="Beta">Where large begins.</param>
public sealed record SmoothL1Options([Range(0.0, 1e30)] float Beta = 1f) : LossOptions
{
    /// <inheritdoc/>
    public override Loss Create() => new SmoothL1Loss(Beta);
}

/// <summary>Binary cross-entropy of logits against targets from 0 to 1: yes or no, or several labels at once.</summary>
/// <param name="PosWeight">What the loss of a positive target is multiplied with, for each output, 0 or more.</param>
public sealed record BceOptions(IReadOnlyList<float>? PosWeight = null) : LossOptions
{
    /// <inheritdoc/>
    public override Loss Create() => new BCEWithLogitsLoss(PosWeight?.ToArray());
}

/// <summary>Kullback-Leibler divergence of log-probabilities from target probabilities.</summary>
/// <param name="LogTarget">Whether targets are logarithms.</param>
public sealed record KlDivOptions(bool LogTarget = false) : LossOptions
{
    /// <inheritdoc/>
    public override Loss Create() => new KLDivLoss(LogTarget);
}
