using System.Security.Cryptography;
using System.Text;

namespace DistTrain.Data;

/// <summary>Images of another data set with random changes in training; in evaluation they are as they are.</summary>
public sealed class AugmentedDataset : IDataset
{
    [ThreadStatic]
    private static float[]? copy;

    private readonly IDataset inner;
    private readonly ImageAugmenter augmenter;
    private readonly Lazy<string> fingerprint;

    /// <summary>Wraps a data set.</summary>
    /// <param name="inner">Images: float32 <c>[channels, height, width]</c>.</param>
    /// <param name="augmentation">What changes.</param>
    /// <exception cref="UserErrorException">The inputs are no images, or the crop is larger than they are.</exception>
    public AugmentedDataset(IDataset inner, ImageAugmentation augmentation)
    {
        if (inner.Inputs.Type != ElementType.Float32 || inner.Inputs.Shape.Length != 3)
            throw new UserErrorException($"{inner.Name}: augmentation is for images, float32 [channels, height, width]; the inputs are {inner.Inputs}");
        int height = inner.Inputs.Shape[1], width = inner.Inputs.Shape[2];
        if (augmentation.Crop >= Math.Min(height, width))
            throw new UserErrorException($"{inner.Name}: a crop by up to {augmentation.Crop} pixels leaves nothing of images of {height} x {width}; expected less than {Math.Min(height, width)}");
        (this.inner, Augmentation) = (inner, augmentation);
        augmenter = new(augmentation, inner.Inputs.Shape[0], height, width);
        fingerprint = new(() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{inner.Fingerprint}\n{augmentation}"))));
    }

    /// <summary>What changes.</summary>
    public ImageAugmentation Augmentation { get; }

    /// <inheritdoc/>
    public string Name => inner.Name;

    /// <inheritdoc/>
    public int Count => inner.Count;

    /// <inheritdoc/>
    public SampleSpec Inputs => inner.Inputs;

    /// <inheritdoc/>
    public SampleSpec Targets => inner.Targets;

    /// <inheritdoc/>
    public int Classes => inner.Classes;

    /// <inheritdoc/>
    public IReadOnlyList<string>? ClassNames => inner.ClassNames;

    /// <inheritdoc/>
    public int BlockSize => inner.BlockSize;

    /// <inheritdoc/>
    public string Fingerprint => fingerprint.Value;

    /// <inheritdoc/>
    public void Read(ReadContext context, ReadOnlySpan<int> indices, SampleSpan inputs, SampleSpan targets)
    {
        inner.Read(context, indices, inputs, targets);
        if (!context.IsTraining)
            return;
        var length = Inputs.Length;
        if (copy is null || copy.Length < length)
            copy = new float[length];
        for (var i = 0; i < indices.Length; i++)
        {
            var image = inputs.Float32.Slice(i * length, length);
            image.CopyTo(copy);
            augmenter.Apply(new(context.Seed, RandomUse.Augment, (ulong)context.Epoch, (ulong)indices[i]), copy.AsSpan(0, length), image);
        }
    }
}
