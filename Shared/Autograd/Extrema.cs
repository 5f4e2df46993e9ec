using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>The largest of all elements: a scalar. The gradient goes to all that are equal to it, in equal parts.</summary>
        /// <exception cref="ArgumentException">There are no elements.</exception>
        public Tensor Max() => x.Amax([]);

        /// <summary>The smallest of all elements: a scalar. The gradient goes to all that are equal to it, in equal parts.</summary>
        /// <exception cref="ArgumentException">There are no elements.</exception>
        public Tensor Min() => x.Amin([]);

        /// <summary>The largest element along one dimension. The gradient goes to all that are equal to it, in equal parts.</summary>
        public Tensor Amax(int dim, bool keepDim = false) => x.Amax([dim], keepDim);

        /// <summary>The largest element over several dimensions, or over all where none is named; NaN where there is one.</summary>
        /// <exception cref="ArgumentException">A reduced dimension has no elements.</exception>
        public Tensor Amax(ReadOnlySpan<int> dims, bool keepDim = false) => ExtremeOf(x, dims, keepDim, largest: true);

        /// <summary>The smallest element along one dimension. The gradient goes to all that are equal to it, in equal parts.</summary>
        public Tensor Amin(int dim, bool keepDim = false) => x.Amin([dim], keepDim);

        /// <summary>The smallest element over several dimensions, or over all where none is named; NaN where there is one.</summary>
        /// <exception cref="ArgumentException">A reduced dimension has no elements.</exception>
        public Tensor Amin(ReadOnlySpan<int> dims, bool keepDim = false) => ExtremeOf(x, dims, keepDim, largest: false);

        /// <summary>The largest elements along one dimension and their first indices (Int64). The gradient goes to that index alone.</summary>
        public (Tensor Values, Tensor Indices) Max(int dim, bool keepDim = false) => At(x, dim, keepDim, x.Argmax(dim, keepDim: true));

        /// <summary>The smallest elements along one dimension and their first indices (Int64). The gradient goes to that index alone.</summary>
        public (Tensor Values, Tensor Indices) Min(int dim, bool keepDim = false) => At(x, dim, keepDim, x.Argmin(dim, keepDim: true));

        /// <summary>The index of the first largest element in row-major order: an Int64 scalar.</summary>
        public Tensor Argmax() => x.Flatten().Argmax(0);

        /// <summary>The indices of the first largest elements along one dimension: Int64.</summary>
        public Tensor Argmax(int dim, bool keepDim = false) => IndexOfExtreme(x, dim, keepDim, largest: true);

        /// <summary>The index of the first smallest element in row-major order: an Int64 scalar.</summary>
        public Tensor Argmin() => x.Flatten().Argmin(0);

        /// <summary>The indices of the first smallest elements along one dimension: Int64.</summary>
        public Tensor Argmin(int dim, bool keepDim = false) => IndexOfExtreme(x, dim, keepDim, largest: false);
    }

    private static Tensor ExtremeOf(Tensor x, ReadOnlySpan<int> dims, bool keepDim, bool largest)
    {
        string operation = largest ? "Amax" : "Amin";
        var axes = Axes.Of(x, dims, keepDim, operation);
        var y = TensorMemory.Empty(axes.Output);
        if (y.Numel == 0) return y;
        if (axes.N == 0) throw new ArgumentException($"{operation}: the dimensions to reduce of shape {x.Shape} have no elements, expected at least one");
        if (largest) Reduce.MaxAxis(axes.Outer, axes.N, axes.Inner, axes.Source.Span, y.Span, []);
        else Reduce.MinAxis(axes.Outer, axes.N, axes.Inner, axes.Source.Span, y.Span, []);
        if (Recorder.Record<ExtremeRule>(y, axes.Source) is { } rule)
            (rule.X, rule.Y, rule.Outer, rule.N, rule.Inner, rule.Largest) = (axes.Source, y, axes.Outer, axes.N, axes.Inner, largest);
        return y;
    }

    private static Tensor IndexOfExtreme(Tensor x, int dim, bool keepDim, bool largest)
    {
        string operation = largest ? "Argmax" : "Argmin";
        var axes = Axes.Of(x.Detach(), [dim], keepDim, operation);
        var indices = TensorMemory.Empty(axes.Output, DType.Int64);
        if (indices.Numel == 0) return indices;
        if (axes.N == 0) throw new ArgumentException($"{operation}: dimension {dim} of shape {x.Shape} has no elements, expected at least one");
        var values = TensorMemory.Empty(axes.Output);
        if (largest) Reduce.MaxAxis(axes.Outer, axes.N, axes.Inner, axes.Source.Span, values.Span, indices.LongSpan);
        else Reduce.MinAxis(axes.Outer, axes.N, axes.Inner, axes.Source.Span, values.Span, indices.LongSpan);
        Trace.Current?.Add(operation, indices, [axes.Source], ("outer", axes.Outer), ("n", axes.N));
        return indices;
    }

    private static (Tensor Values, Tensor Indices) At(Tensor x, int dim, bool keepDim, Tensor indices)
    {
        var values = x.Gather(dim, indices);
        return keepDim ? (values, indices) : (values.Squeeze(dim), indices.Squeeze(dim));
    }

    private sealed class ExtremeRule : Rule
    {
        public Saved X;
        public Saved Y;
        public int Outer;
        public int N;
        public int Inner;
        public bool Largest;

        public override string Name => Largest ? "Amax" : "Amin";

        internal override (string Name, object Value)[] Settings => [("outer", Outer), ("n", N)];

        protected override void Backward(Tensor gradient)
        {
            var target = Target(0, out bool accumulate);
            Spread.ToExtremes(Outer, N, Inner, gradient.Span, X.Get(this).Span, Y.Get(this).Span, target, accumulate);
        }

        protected override void Forget() => X = Y = default;
    }
}
