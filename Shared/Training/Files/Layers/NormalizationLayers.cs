using System.ComponentModel.DataAnnotations;
using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Training.Files;

/// <summary>Batch normalization of features [features] or sequences [channels, length].</summary>
/// <param name="NumFeatures">Features or channels: those that come in.</param>
/// <param name="Eps">Added to the variance.</param>
/// <param name="Momentum">The share of a step's statistics in the running ones; null for plain averages.</param>
/// <param name="Affine">Whether it has weight and bias.</param>
/// <param name="TrackRunningStats">Whether it has running statistics; without, evaluation too uses the batch's.</param>
public sealed record BatchNorm1dLayer([Range(1, int.MaxValue)] int? NumFeatures = null, [Range(0.0, 1.0)] double Eps = 1e-5, [Range(0.0, 1.0)] double? Momentum = 0.1, bool Affine = true, bool TrackRunningStats = true) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => input.Shape.Rank is 1 or 2
        ? new BatchNorm1d(input.Fit("num_features", NumFeatures, input.Shape[0]), Eps, Momentum, Affine, TrackRunningStats)
        : throw new ArgumentException($"got {input.Shape} a sample, expected [features] or [channels, length]");
}

/// <summary>Batch normalization of images [channels, height, width].</summary>
/// <param name="NumFeatures">Channels: those that come in.</param>
/// <param name="Eps">Added to the variance.</param>
/// <param name="Momentum">The share of a step's statistics in the running ones; null for plain averages.</param>
/// <param name="Affine">Whether it has weight and bias.</param>
/// <param name="TrackRunningStats">Whether it has running statistics; without, evaluation too uses the batch's.</param>
public sealed record BatchNorm2dLayer([Range(1, int.MaxValue)] int? NumFeatures = null, [Range(0.0, 1.0)] double Eps = 1e-5, [Range(0.0, 1.0)] double? Momentum = 0.1, bool Affine = true, bool TrackRunningStats = true) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new BatchNorm2d(input.Fit("num_features", NumFeatures, input.Channels(3, "[channels, height, width]")), Eps, Momentum, Affine, TrackRunningStats);
}

/// <summary>Layer normalization over the last dimensions.</summary>
/// <param name="NormalizedShape">The sizes of the last dimensions: one size or a list; the last dimension where none are given.</param>
/// <param name="Eps">Added to the variance.</param>
/// <param name="ElementwiseAffine">Whether it has a weight.</param>
/// <param name="Bias">Whether, with a weight, it has a bias too.</param>
public sealed record LayerNormLayer(Sizes? NormalizedShape = null, [Range(0.0, 1.0)] double Eps = 1e-5, bool ElementwiseAffine = true, bool Bias = true) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new LayerNorm(Sizes.Fit(input, NormalizedShape), Eps, ElementwiseAffine, Bias);
}

/// <summary>Normalization by the root of the mean square over the last dimensions.</summary>
/// <param name="NormalizedShape">The sizes of the last dimensions: one size or a list; the last dimension where none are given.</param>
/// <param name="Eps">Added to the mean square; float's machine epsilon where none is given.</param>
/// <param name="ElementwiseAffine">Whether it has a weight.</param>
public sealed record RMSNormLayer(Sizes? NormalizedShape = null, [Range(0.0, 1.0)] double? Eps = null, bool ElementwiseAffine = true) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new RMSNorm(Sizes.Fit(input, NormalizedShape), Eps, ElementwiseAffine);
}

/// <summary>Normalization of groups of channels.</summary>
/// <param name="NumGroups">Groups, a divisor of the channels.</param>
/// <param name="NumChannels">Channels: those that come in.</param>
/// <param name="Eps">Added to the variance.</param>
/// <param name="Affine">Whether it has weight and bias.</param>
public sealed record GroupNormLayer([Range(1, int.MaxValue)] int NumGroups, [Range(1, int.MaxValue)] int? NumChannels = null, [Range(0.0, 1.0)] double Eps = 1e-5, bool Affine = true) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => input.Shape.Rank > 0
        ? new GroupNorm(NumGroups, input.Fit("num_channels", NumChannels, input.Shape[0]), Eps, Affine)
        : throw new ArgumentException("got one number a sample, expected [channels, *]");
}

/// <summary>Sizes of dimensions: one, or a list.</summary>
/// <param name="Values">The sizes.</param>
public sealed record Sizes(IReadOnlyList<int> Values)
{
    /// <summary>The sizes of an input's last dimensions; given ones that differ are reported.</summary>
    internal static Shape Fit(LayerInput input, Sizes? given)
    {
        if (given is null) return new Shape(input.Features);
        int[] all = input.Shape.ToArray();
        int[] last = all[Math.Max(0, all.Length - given.Values.Count)..];
        if (!last.SequenceEqual(given.Values)) input.Report("normalized_shape", $"was [{string.Join(", ", given.Values)}], expected [{string.Join(", ", last)}]: the layer gets {input.Shape} a sample");
        return new Shape(last);
    }
}
