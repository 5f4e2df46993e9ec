using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>The parts that <c>Split</c> and <c>Chunk</c> cut a tensor into: views, made when they are asked for. <c>var (q, k, v) = x.Chunk(3, -1);</c></summary>
public readonly struct TensorParts
{
    private readonly Tensor whole;
    private readonly int dim;
    private readonly int size;

    internal TensorParts(Tensor whole, int dim, int size) => (this.whole, this.dim, this.size) = (whole, dim, size);

    /// <summary>The number of parts.</summary>
    public int Count => Math.Max(1, (whole.Shape[dim] + size - 1) / size);

    /// <summary>One part.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such part.</exception>
    public Tensor this[int index] => (uint)index < (uint)Count
        ? whole.Narrow(dim, index * size, Math.Min(size, whole.Shape[dim] - index * size))
        : throw new ArgumentOutOfRangeException(nameof(index), $"part {index} of {Count}, cut from shape {whole.Shape} in dimension {dim}");

    /// <summary>Two parts.</summary>
    /// <exception cref="InvalidOperationException">There are not two.</exception>
    public void Deconstruct(out Tensor first, out Tensor second)
    {
        Require(2);
        (first, second) = (this[0], this[1]);
    }

    /// <summary>Three parts.</summary>
    /// <exception cref="InvalidOperationException">There are not three.</exception>
    public void Deconstruct(out Tensor first, out Tensor second, out Tensor third)
    {
        Require(3);
        (first, second, third) = (this[0], this[1], this[2]);
    }

    /// <summary>Four parts.</summary>
    /// <exception cref="InvalidOperationException">There are not four.</exception>
    public void Deconstruct(out Tensor first, out Tensor second, out Tensor third, out Tensor fourth)
    {
        Require(4);
        (first, second, third, fourth) = (this[0], this[1], this[2], this[3]);
    }

    /// <summary>All parts.</summary>
    public Tensor[] ToArray()
    {
        var parts = new Tensor[Count];
        for (int i = 0; i < parts.Length; i++) parts[i] = this[i];
        return parts;
    }

    /// <summary>Goes through the parts.</summary>
    public Enumerator GetEnumerator() => new(this);

    private void Require(int count)
    {
        if (Count != count) throw new InvalidOperationException($"{Count} parts of size {size} cannot be taken as {count}: shape {whole.Shape}, dimension {dim}");
    }

    /// <summary>Goes through the parts.</summary>
    public struct Enumerator
    {
        private readonly TensorParts parts;
        private int index;

        internal Enumerator(TensorParts parts) => (this.parts, index) = (parts, -1);

        /// <summary>The part it has come to.</summary>
        public readonly Tensor Current => parts[index];

        /// <summary>Goes to the next part.</summary>
        public bool MoveNext() => ++index < parts.Count;
    }
}
