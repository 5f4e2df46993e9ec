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
        private readonly Shape shape;
        private readonly Shape strides;
        private Shape index;

        public Odometer(Shape shape, Shape strides, int offset)
        {
            this.shape = shape;
            this.strides = strides;
            Offset = offset;
            Span<int> zeros = stackalloc int[Shape.MaxRank];
            zeros.Clear();
            index = new Shape(zeros[..shape.Rank]);
        }

        public int Offset { get; private set; }

        public bool Next()
        {
            for (int d = shape.Rank - 2; d >= 0; d--)
            {
                int i = index[d] + 1;
                if (i < shape[d])
                {
                    index = index.With(d, i);
                    Offset += strides[d];
                    return true;
                }
                Offset -= (i - 1) * strides[d];
                index = index.With(d, 0);
            }
            return false;
        }
    }
}
