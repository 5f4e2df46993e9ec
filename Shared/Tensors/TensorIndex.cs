namespace DistTrain.Tensors;

/// <summary>What a tensor is indexed with in one dimension: a number (which takes the dimension away), a number from the end (<c>^1</c> or negative), or a range (<c>1..3</c>, <c>..</c>).</summary>
public readonly struct TensorIndex
{
    private TensorIndex(Range range, bool isRange) => (Range, IsRange) = (range, isRange);

    /// <summary>The range; for a single index the one that starts there.</summary>
    public Range Range { get; }

    /// <summary>Whether it keeps the dimension.</summary>
    public bool IsRange { get; }

    /// <summary>One index; a negative one counts from the end.</summary>
    public static implicit operator TensorIndex(int index) => index < 0 ? new Index(-index, fromEnd: true) : new Index(index);

    /// <summary>One index.</summary>
    public static implicit operator TensorIndex(Index index) => new(index.., isRange: false);

    /// <summary>A range of indices.</summary>
    public static implicit operator TensorIndex(Range range) => new(range, isRange: true);

    /// <summary>As it is written in C#.</summary>
    public override string ToString() => IsRange ? Range.ToString() : Range.Start.ToString();
}
