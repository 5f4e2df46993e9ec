using System.Collections.Immutable;

namespace DistTrain.Data;

/// <summary>What one element of a sample is.</summary>
public enum ElementType
{
    /// <summary>A 32-bit float: pixels, features, regression targets, multi-label targets.</summary>
    Float32,

    /// <summary>A 64-bit integer: class labels, token ids.</summary>
    Int64,
}

/// <summary>
/// The element type and shape of one sample's input or target, without the batch dimension: <c>float32 [1, 28, 28]</c> for an image, <c>int64 [64]</c> for a
/// window of tokens, <c>int64 []</c> for a class label. A batch of n samples has the shape with n put in front.
/// </summary>
public sealed class SampleSpec : IEquatable<SampleSpec>
{
    /// <summary>One class label: <c>int64 []</c>.</summary>
    public static readonly SampleSpec Label = Int64();

    /// <summary>Makes a specification.</summary>
    /// <param name="type">The element type.</param>
    /// <param name="shape">Sizes of the dimensions, each 1 or more; empty for a scalar.</param>
    /// <exception cref="ArgumentException">A size is below 1, or the product is above <see cref="int.MaxValue"/>.</exception>
    public SampleSpec(ElementType type, ImmutableArray<int> shape)
    {
        Type = type;
        Shape = shape.IsDefault ? [] : shape;
        var length = 1L;
        foreach (var size in Shape)
        {
            if (size < 1)
                throw new ArgumentException($"A sample's dimension was {size}, expected 1 or more", nameof(shape));
            length *= size;
            if (length > int.MaxValue)
                throw new ArgumentException($"A sample of shape {this} is above {int.MaxValue} elements", nameof(shape));
        }
        Length = (int)length;
    }

    /// <summary>The element type.</summary>
    public ElementType Type { get; }

    /// <summary>Sizes of the dimensions, without the batch; empty for a scalar.</summary>
    public ImmutableArray<int> Shape { get; }

    /// <summary>Elements of one sample: the product of <see cref="Shape"/>, 1 for a scalar.</summary>
    public int Length { get; }

    /// <summary>A float32 sample of a shape.</summary>
    public static SampleSpec Float32(params ReadOnlySpan<int> shape) => new(ElementType.Float32, [.. shape]);

    /// <summary>An int64 sample of a shape.</summary>
    public static SampleSpec Int64(params ReadOnlySpan<int> shape) => new(ElementType.Int64, [.. shape]);

    /// <inheritdoc/>
    public bool Equals(SampleSpec? other) => other is not null && Type == other.Type && Shape.AsSpan().SequenceEqual(other.Shape.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as SampleSpec);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Type, Length, Shape.Length);

    /// <summary>For example <c>float32 [1, 28, 28]</c>.</summary>
    public override string ToString() => $"{(Type == ElementType.Float32 ? "float32" : "int64")} [{string.Join(", ", Shape)}]";
}
