namespace DistTrain.Tensors;

/// <summary>Walks over memory with strides, row by row.</summary>
internal static class Strided
{
    /// <summary>Copies a strided tensor into contiguous memory.</summary>
    public static void Copy<T>(T[] source, int offset, Shape shape, Shape strides, Span<T> destination) where T : unmanaged
    {
        if (shape.Numel == 0) return;
        if (shape.Rank == 0)
        {
            destination[0] = source[offset];
            return;
        }
        int inner = shape[^1], step = strides[^1], position = 0;
        var walk = new Odometer(shape, strides, offset);
        do
        {
            if (step == 1) source.AsSpan(walk.Offset, inner).CopyTo(destination[position..]);
            else for (int i = 0, at = walk.Offset; i < inner; i++, at += step) destination[position + i] = source[at];
            position += inner;
        }
        while (walk.Next());
    }

    /// <summary>Copies contiguous memory into a strided tensor.</summary>
    public static void Scatter<T>(ReadOnlySpan<T> source, T[] destination, int offset, Shape shape, Shape strides) where T : unmanaged
    {
        if (shape.Numel == 0) return;
        if (shape.Rank == 0)
        {
            destination[offset] = source[0];
            return;
        }
        int inner = shape[^1], step = strides[^1], position = 0;
        var walk = new Odometer(shape, strides, offset);
        do
        {
            if (step == 1) source.Slice(position, inner).CopyTo(destination.AsSpan(walk.Offset));
            else for (int i = 0, at = walk.Offset; i < inner; i++, at += step) destination[at] = source[position + i];
            position += inner;
        }
        while (walk.Next());
    }

    /// <summary>Copies contiguous memory into a strided tensor, or adds it there.</summary>
    public static void Scatter(ReadOnlySpan<float> source, float[] destination, int offset, Shape shape, Shape strides, bool accumulate)
    {
        if (!accumulate)
        {
            Scatter(source, destination, offset, shape, strides);
            return;
        }
        if (shape.Numel == 0) return;
        if (shape.Rank == 0)
        {
            destination[offset] += source[0];
            return;
        }
        int inner = shape[^1], step = strides[^1], position = 0;
        var walk = new Odometer(shape, strides, offset);
        do
        {
            for (int i = 0, at = walk.Offset; i < inner; i++, at += step) destination[at] += source[position + i];
            position += inner;
        }
        while (walk.Next());
    }

    /// <summary>Counts through all dimensions but the last and keeps the memory offset of each row.</summary>
    public struct Odometer
    {
        private readonly int outer;
        private Counts sizes;
        private Counts strides;
        private Counts index;

        public Odometer(Shape shape, Shape strides, int offset)
        {
            outer = shape.Rank - 1;
            shape.Span.CopyTo(sizes);
            strides.Span.CopyTo(this.strides);
            Offset = offset;
        }

        public int Offset { get; private set; }

        public bool Next()
        {
            for (int d = outer - 1; d >= 0; d--)
            {
                if (++index[d] < sizes[d])
                {
                    Offset += strides[d];
                    return true;
                }
                Offset -= (sizes[d] - 1) * strides[d];
                index[d] = 0;
            }
            return false;
        }
    }

    [System.Runtime.CompilerServices.InlineArray(Shape.MaxRank)]
    private struct Counts
    {
        private int first;
    }
}
