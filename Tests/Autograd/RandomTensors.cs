using DistTrain.Tensors;

namespace DistTrain.Tests.Autograd;

/// <summary>Random shapes and tensors from a seed that a property test was given.</summary>
internal sealed class RandomTensors(int seed)
{
    private readonly Random random = new(seed);

    public int Below(int bound) => random.Next(bound);

    public int Between(int low, int high) => random.Next(low, high + 1);

    public T Of<T>(IReadOnlyList<T> items) => items[random.Next(items.Count)];

    public Shape Shape(int minRank = 0, int maxRank = 4, int minSize = 1, int maxSize = 4)
    {
        Span<int> sizes = stackalloc int[Between(minRank, maxRank)];
        foreach (ref int size in sizes) size = Between(minSize, maxSize);
        return new Shape(sizes);
    }

    /// <summary>A shape that broadcasts with another one: leading dimensions left out, sizes replaced by 1.</summary>
    public Shape Broadcastable(Shape shape)
    {
        int rank = Between(0, shape.Rank);
        Span<int> sizes = stackalloc int[rank];
        for (int d = 0; d < rank; d++) sizes[d] = Below(3) == 0 ? 1 : shape[shape.Rank - rank + d];
        return new Shape(sizes);
    }

    public float Value(float low = -2f, float high = 2f) => low + (high - low) * random.NextSingle();

    public Tensor Tensor(Shape shape, float low = -2f, float high = 2f)
    {
        var result = Tensors.Tensor.Zeros(shape);
        foreach (ref float value in result.Span) value = Value(low, high);
        return result;
    }

    public int[] Permutation(int count)
    {
        var order = Enumerable.Range(0, count).ToArray();
        random.Shuffle(order);
        return order;
    }
}
