using DistTrain.Autograd;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Nn.Models;

/// <summary>
/// Keys and values of the positions that a transformer has seen of one sequence, so that the next token costs one position and not all of them. It belongs to the weights that filled it.
/// </summary>
public sealed class KeyValueCache
{
    private readonly int width;
    private readonly float[][] keys;
    private readonly float[][] values;

    /// <summary>Makes an empty cache.</summary>
    /// <param name="layers">Layers of attention.</param>
    /// <param name="capacity">The most positions.</param>
    /// <param name="width">Features of a position, over all heads.</param>
    public KeyValueCache(int layers, int capacity, int width)
    {
        (Capacity, this.width) = (capacity, width);
        keys = new float[layers][];
        values = new float[layers][];
        for (int i = 0; i < layers; i++) (keys[i], values[i]) = (new float[capacity * width], new float[capacity * width]);
    }

    /// <summary>The most positions.</summary>
    public int Capacity { get; }

    /// <summary>The positions that are in it.</summary>
    public int Length { get; private set; }

    /// <summary>Forgets all positions.</summary>
    public void Clear() => Length = 0;

    /// <summary>
    /// Attention of new positions on those in the cache and on themselves: takes their projections <c>[1, T, 3·width]</c>, keeps keys and values, gives <c>[1, T, width]</c>. Several new positions are taken by an empty cache only. The positions count from
    /// <see cref="Advance"/> on, when all layers have seen them.
    /// </summary>
    internal Tensor Attend(int layer, Tensor projected, int heads)
    {
        var input = projected.Contiguous();
        int time = input.Shape[1], all = Length + time;
        var x = input.Span;
        for (int t = 0; t < time; t++)
        {
            x.Slice((3 * t + 1) * width, width).CopyTo(keys[layer].AsSpan((Length + t) * width));
            x.Slice((3 * t + 2) * width, width).CopyTo(values[layer].AsSpan((Length + t) * width));
        }
        var shape = new AttentionShape(1, heads, time, all, width / heads);
        Tensor y = TensorMemory.Empty(new Shape(1, time, width)), sums = TensorMemory.Empty(new Shape(1, heads, time)), work = TensorMemory.Empty(new Shape(shape.ForwardWorkspace));
        Simd.Attention.Forward(
            shape, x, HeadLayout.Interleaved(time, shape.HeadWidth, 3 * width), keys[layer], HeadLayout.Interleaved(all, shape.HeadWidth, width), values[layer], 1f / MathF.Sqrt(shape.HeadWidth), time > 1,
            y.Span, HeadLayout.Interleaved(time, shape.HeadWidth, width), sums.Span, work.Span);
        return y;
    }

    /// <summary>Counts positions that all layers have seen.</summary>
    internal void Advance(int positions) => Length += positions;
}
