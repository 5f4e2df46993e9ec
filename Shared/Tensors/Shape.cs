using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;

namespace DistTrain.Tensors;

/// <summary>The sizes of a tensor's dimensions: 0 to 8 of them, each 0 or more. A value; making one allocates nothing.</summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The largest number of dimensions.</summary>
    public const int MaxRank = 8;

    private readonly Sizes sizes;
    private readonly int rank;

    /// <summary>Makes a shape of the given sizes.</summary>
    /// <exception cref="ArgumentException">More than 8 dimensions, or a negative size.</exception>
    public Shape(params ReadOnlySpan<int> sizes)
    {
        if (sizes.Length > MaxRank) throw new ArgumentException($"a shape has at most {MaxRank} dimensions, got {sizes.Length}");
        rank = sizes.Length;
        for (int i = 0; i < sizes.Length; i++)
        {
            if (sizes[i] < 0) throw new ArgumentException($"a dimension's size is 0 or more, got {sizes[i]} in dimension {i}");
            this.sizes[i] = sizes[i];
        }
    }

    /// <summary>Makes a shape of the given sizes: the target of collection expressions.</summary>
    public static Shape Create(ReadOnlySpan<int> sizes) => new(sizes);

    /// <summary>The shape of a scalar: no dimensions, one element.</summary>
    public static Shape Scalar => default;

    /// <summary>The number of dimensions.</summary>
    public int Rank => rank;

    /// <summary>The size of dimension <paramref name="dim"/>; a negative one counts from the end.</summary>
    public int this[int dim] => sizes[Normalize(dim)];

    /// <summary>The size of a dimension counted from the end, as in <c>shape[^1]</c>.</summary>
    public int this[Index dim] => sizes[Normalize(dim.GetOffset(rank))];

    /// <summary>The number of elements: the product of all sizes.</summary>
    /// <exception cref="ArgumentException">They are more than 2³¹ − 1, the most that a tensor can have.</exception>
    public int Numel
    {
        get
        {
            long n = 1;
            for (int i = 0; i < rank; i++)
            {
                if (sizes[i] == 0) return 0;
                // What is too large already stays so, unless a size of 0 follows.
                if (n <= int.MaxValue) n *= sizes[i];
            }
            return n <= int.MaxValue ? (int)n : throw TooLarge(this);
        }
    }

    /// <summary>The sizes.</summary>
    [UnscopedRef]
    public ReadOnlySpan<int> Span => ((ReadOnlySpan<int>)sizes)[..rank];

    /// <summary>Turns a dimension that may count from the end into one in [0, rank).</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such dimension.</exception>
    public int Normalize(int dim)
    {
        if (dim >= -rank && dim < rank) return dim < 0 ? dim + rank : dim;
        throw new ArgumentOutOfRangeException(nameof(dim), $"dimension {dim} of a tensor of shape {this}: expected {-rank} to {rank - 1}");
    }

    /// <summary>The shape with the size of one dimension replaced.</summary>
    public Shape With(int dim, int size)
    {
        var copy = this;
        Unsafe.AsRef(in copy.sizes)[Normalize(dim)] = size;
        return copy;
    }

    /// <summary>The shape without one dimension.</summary>
    public Shape Without(int dim)
    {
        dim = Normalize(dim);
        Span<int> rest = stackalloc int[MaxRank];
        Span[..dim].CopyTo(rest);
        Span[(dim + 1)..].CopyTo(rest[dim..]);
        return new Shape(rest[..(rank - 1)]);
    }

    /// <summary>The shape with a dimension put in before <paramref name="dim"/>, in [0, rank].</summary>
    public Shape Insert(int dim, int size)
    {
        Span<int> more = stackalloc int[MaxRank + 1];
        Span[..dim].CopyTo(more);
        more[dim] = size;
        Span[dim..].CopyTo(more[(dim + 1)..]);
        return new Shape(more[..(rank + 1)]);
    }

    /// <summary>Strides, in elements, of a contiguous tensor of this shape: the last dimension's is 1.</summary>
    internal Shape ContiguousStrides()
    {
        Span<int> strides = stackalloc int[MaxRank];
        int stride = 1;
        for (int i = rank - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= Math.Max(1, sizes[i]);
        }
        return new Shape(strides[..rank]);
    }

    private static ArgumentException TooLarge(Shape shape) => new($"a tensor of shape {shape} is too large for memory: it has more than {int.MaxValue} elements");

    /// <inheritdoc/>
    public bool Equals(Shape other) => Span.SequenceEqual(other.Span);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int size in Span) hash.Add(size);
        return hash.ToHashCode();
    }

    /// <summary>Whether two shapes have the same sizes.</summary>
    public static bool operator ==(Shape a, Shape b) => a.Equals(b);

    /// <summary>Whether two shapes differ.</summary>
    public static bool operator !=(Shape a, Shape b) => !a.Equals(b);

    /// <summary>The sizes as an array.</summary>
    public int[] ToArray() => Span.ToArray();

    /// <summary>The sizes as an immutable array.</summary>
    public ImmutableArray<int> ToImmutableArray() => [.. Span];

    /// <summary>Enumerates the sizes.</summary>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)ToArray()).GetEnumerator();

    /// <summary>The sizes as people write them: <c>[64, 784]</c>.</summary>
    public override string ToString()
    {
        var text = new StringBuilder("[");
        for (int i = 0; i < rank; i++) text.Append(i == 0 ? "" : ", ").Append(sizes[i]);
        return text.Append(']').ToString();
    }

    [InlineArray(MaxRank)]
    private struct Sizes
    {
        private int first;
    }
}
