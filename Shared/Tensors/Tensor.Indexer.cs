using System.Runtime.CompilerServices;

namespace DistTrain.Tensors;

public readonly partial struct Tensor
{
    /// <summary>
    /// A part of the tensor, as a view: <c>x[0]</c>, <c>x[1..3, ^1]</c>, <c>x[.., 2]</c>. Dimensions that are not named stay whole. Setting it copies into the part, which broadcasts.
    /// </summary>
    /// <exception cref="ArgumentException">There are more indices than dimensions, or one is out of range.</exception>
    [IndexerName("Part")]
    public Tensor this[params ReadOnlySpan<TensorIndex> indices]
    {
        get => TensorIndexing.Current.Get(this, indices);
        set => TensorIndexing.Current.Set(this, indices, value);
    }
}

/// <summary>
/// What the indexer does. An indexer must be a member of the type, but taking a part is an operation with a gradient and belongs to the floor above, which puts itself in here when the assembly is loaded.
/// </summary>
internal abstract class TensorIndexing
{
    public static TensorIndexing Current { get; set; } = null!;

    public abstract Tensor Get(Tensor tensor, ReadOnlySpan<TensorIndex> indices);

    public abstract void Set(Tensor tensor, ReadOnlySpan<TensorIndex> indices, Tensor value);
}
