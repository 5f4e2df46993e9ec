using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor)
    {
        /// <summary>The tensors one behind the other along one dimension; all other sizes must be equal.</summary>
        /// <exception cref="ArgumentException">There is none, or shapes or types do not fit.</exception>
        public static Tensor Cat(ReadOnlySpan<Tensor> tensors, int dim = 0)
        {
            if (tensors.Length == 0) throw new ArgumentException("Cat: no tensors were given");
            var first = tensors[0];
            dim = first.Shape.Normalize(dim);
            int total = 0;
            foreach (var t in tensors)
            {
                if (t.Type != first.Type) throw new ArgumentException($"Cat: one tensor holds {first.Type}, another {t.Type}, expected the same");
                if (t.Rank != first.Rank || t.Shape.With(dim, 0) != first.Shape.With(dim, 0)) throw new ArgumentException($"Cat: shapes {first.Shape} and {t.Shape}, expected equal sizes but in dimension {dim}");
                total = checked(total + t.Shape[dim]);
            }
            var y = TensorMemory.Empty(first.Shape.With(dim, total), first.Type);
            int start = 0;
            foreach (var t in tensors)
            {
                Place(t, y, dim, start);
                start += t.Shape[dim];
            }
            if (Recorder.Record<CatRule>(y, tensors) is { } rule) (rule.Dim, rule.Count) = (dim, tensors.Length);
            return y;
        }

        /// <summary>The tensors, all of one shape, side by side along a new dimension.</summary>
        /// <exception cref="ArgumentException">There is none, or shapes or types differ.</exception>
        public static Tensor Stack(ReadOnlySpan<Tensor> tensors, int dim = 0)
        {
            if (tensors.Length == 0) throw new ArgumentException("Stack: no tensors were given");
            foreach (var t in tensors)
                if (t.Shape != tensors[0].Shape) throw new ArgumentException($"Stack: shapes {tensors[0].Shape} and {t.Shape}, expected equal ones");
            int at = dim < 0 ? dim + tensors[0].Rank + 1 : dim;
            var rows = System.Buffers.ArrayPool<Tensor>.Shared.Rent(tensors.Length);
            for (int i = 0; i < tensors.Length; i++) rows[i] = tensors[i].Unsqueeze(at);
            var y = Cat(rows.AsSpan(0, tensors.Length), at);
            System.Buffers.ArrayPool<Tensor>.Shared.Return(rows, clearArray: true);
            return y;
        }
    }

    extension(Tensor x)
    {
        /// <summary>Views of <paramref name="size"/> along one dimension each, the last one maybe smaller. Made as they are asked for; nothing is allocated.</summary>
        public TensorParts Split(int size, int dim = 0)
        {
            if (size < 1) throw new ArgumentException($"Split: the size was {size}, expected at least 1");
            return new TensorParts(x, x.Shape.Normalize(dim), size);
        }

        /// <summary>Views of the given sizes along one dimension.</summary>
        /// <exception cref="ArgumentException">The sizes do not add up to the dimension's.</exception>
        public Tensor[] Split(ReadOnlySpan<int> sizes, int dim = 0)
        {
            var parts = new Tensor[sizes.Length];
            int start = 0;
            for (int i = 0; i < parts.Length; i++)
            {
                parts[i] = x.Narrow(dim, start, sizes[i]);
                start += sizes[i];
            }
            if (start != x.Shape[dim]) throw new ArgumentException($"Split: the sizes add up to {start}, expected {x.Shape[dim]}, dimension {dim} of shape {x.Shape}");
            return parts;
        }

        /// <summary>At most <paramref name="count"/> views of equal size along one dimension, the last one maybe smaller, as PyTorch's <c>chunk</c>.</summary>
        public TensorParts Chunk(int count, int dim = 0)
        {
            if (count < 1) throw new ArgumentException($"Chunk: the count was {count}, expected at least 1");
            return x.Split(Math.Max(1, (x.Shape[dim] + count - 1) / count), dim);
        }
    }

    /// <summary>Copies a tensor into the part of another that begins at <paramref name="start"/> of one dimension.</summary>
    private static void Place(Tensor part, Tensor whole, int dim, int start)
    {
        var source = part.Detach().Contiguous();
        var layout = Layout.Dense(whole.Shape).Narrow(dim, start, part.Shape[dim], 1);
        var (outer, n, inner) = Axes.Split(part.Shape, dim);
        int run = n * inner, step = whole.Shape[dim] * inner;
        for (int o = 0; o < outer; o++)
        {
            switch (part.Type)
            {
                case DType.Float32: source.Span.Slice(o * run, run).CopyTo(whole.Span[(layout.Offset + o * step)..]); break;
                case DType.Int64: source.LongSpan.Slice(o * run, run).CopyTo(whole.LongSpan[(layout.Offset + o * step)..]); break;
                default: source.BoolSpan.Slice(o * run, run).CopyTo(whole.BoolSpan[(layout.Offset + o * step)..]); break;
            }
        }
    }

    private sealed class CatRule : Rule
    {
        public int Dim;
        public int Count;

        internal override (string Name, object Value)[] Settings => [("dim", Dim)];

        protected override void Backward(Tensor gradient)
        {
            int start = 0;
            for (int i = 0; i < Count; i++)
            {
                int length = InputShape(i)[Dim];
                if (Needs(i)) Give(i, gradient.Narrow(Dim, start, length));
                start += length;
            }
        }

        protected override void Forget() { }
    }
}
