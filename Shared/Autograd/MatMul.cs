using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor a)
    {
        /// <summary>
        /// The matrix product, as PyTorch's <c>matmul</c>: <c>[M, K]·[K, N] = [M, N]</c>; a vector on the left is a row, on the right a column, and disappears; leading dimensions are batches and
        /// broadcast: <c>[B, 1, M, K]·[H, K, N] = [B, H, M, N]</c>. Transposed and sliced views are read in place.
        /// </summary>
        /// <exception cref="ArgumentException">The inner sizes differ, the batches do not broadcast, or an operand is a scalar.</exception>
        public Tensor MatMul(Tensor b)
        {
            Types.RequireFloat(a, "MatMul");
            Types.RequireFloat(b, "MatMul");
            if (a.Rank == 0 || b.Rank == 0) throw new ArgumentException($"MatMul: shapes {a.Shape} and {b.Shape}, expected at least one dimension each");
            if (a.Shape[^1] != b.Shape[b.Rank == 1 ? 0 : b.Rank - 2])
                throw new ArgumentException($"MatMul: shapes {a.Shape} and {b.Shape}, expected [*, M, K] and [*, K, N]: {a.Shape[^1]} columns on the left, {b.Shape[b.Rank == 1 ? 0 : b.Rank - 2]} rows on the right");
            if (a.Rank == 1) return b.Rank == 1 ? Product(a.Unsqueeze(0), b.Unsqueeze(1)).Reshape(Shape.Scalar) : Product(a.Unsqueeze(0), b).Squeeze(-2);
            if (b.Rank == 1) return a.MatMul(b.Unsqueeze(1)).Squeeze(-1);
            // One large product instead of many small ones, where the right-hand side is the same for all.
            if (a.Rank > 2 && b.Rank == 2 && a.IsContiguous)
                return Product(a.Reshape(new Shape(a.Shape.With(-1, 1).Numel, a.Shape[^1])), b).Reshape(a.Shape.With(-1, b.Shape[1]));
            return Product(a, b);
        }

        /// <summary>The products of two batches of matrices: <c>[B, M, K]·[B, K, N] = [B, M, N]</c>, without broadcasting.</summary>
        /// <exception cref="ArgumentException">The shapes are not of that form.</exception>
        public Tensor Bmm(Tensor b)
        {
            if (a.Rank != 3 || b.Rank != 3 || a.Shape[0] != b.Shape[0] || a.Shape[2] != b.Shape[1]) throw new ArgumentException($"Bmm: shapes {a.Shape} and {b.Shape}, expected [B, M, K] and [B, K, N]");
            return a.MatMul(b);
        }

        /// <summary>The inner product of two vectors: a scalar.</summary>
        /// <exception cref="ArgumentException">They are not vectors of one length.</exception>
        public Tensor Dot(Tensor b)
        {
            if (a.Rank != 1 || b.Rank != 1 || a.Shape[0] != b.Shape[0]) throw new ArgumentException($"Dot: shapes {a.Shape} and {b.Shape}, expected two vectors of one length");
            return a.MatMul(b);
        }
    }

    /// <summary>The product of two tensors of at least two dimensions.</summary>
    private static Tensor Product(Tensor a, Tensor b)
    {
        if (!Matrices.CanRead(a.Node)) a = a.Contiguous();
        if (!Matrices.CanRead(b.Node)) b = b.Contiguous();
        int rows = a.Shape[^2], depth = a.Shape[^1], columns = b.Shape[^1];
        var batch = Broadcasting.Common(Matrices.Batch(a.Shape), Matrices.Batch(b.Shape), "MatMul");
        var y = TensorMemory.Empty(batch.Insert(batch.Rank, rows).Insert(batch.Rank + 1, columns));
        var (x, w) = (Matrices.Of(a, batch), Matrices.Of(b, batch));
        var result = y.Span;
        var (left, right) = (x.Walk(batch), w.Walk(batch));
        int size = rows * columns, count = size == 0 ? 0 : result.Length / size;
        for (int i = 0; i < count; i++)
        {
            Gemm.Multiply(x.Transposed, w.Transposed, rows, columns, depth, x.At(left), x.Stride, w.At(right), w.Stride, result.Slice(i * size, size), columns);
            left.Next();
            right.Next();
        }
        if (Recorder.Record<MatMulRule>(y, a, b) is { } rule) (rule.A, rule.B) = (a, b);
        return y;
    }

    private sealed class MatMulRule : Rule
    {
        public Saved A;
        public Saved B;

        protected override void Backward(Tensor gradient)
        {
            // dA = dY·Bᵀ and dB = Aᵀ·dY, written where they belong; a matrix that was used for several gets the sum.
            Tensor a = A.Get(this), b = B.Get(this);
            int rows = a.Shape[^2], depth = a.Shape[^1], columns = b.Shape[^1];
            var batch = Matrices.Batch(OutputShape);
            var (x, w) = (Matrices.Of(a, batch), Matrices.Of(b, batch));
            var g = gradient.Span;
            int size = rows * columns, count = size == 0 ? 0 : g.Length / size;
            if (Needs(0))
            {
                var target = Start(0, batch, count == 0, out bool accumulate);
                var (place, right) = (Matrices.WalkDense(a.Shape, batch), w.Walk(batch));
                for (int i = 0; i < count; i++)
                {
                    Gemm.Multiply(false, !w.Transposed, rows, depth, columns, g.Slice(i * size, size), columns, w.At(right), w.Stride, target.Slice(place.Offset, rows * depth), depth, accumulate);
                    place.Next();
                    right.Next();
                }
            }
            if (Needs(1))
            {
                var target = Start(1, batch, count == 0, out bool accumulate);
                var (place, left) = (Matrices.WalkDense(b.Shape, batch), x.Walk(batch));
                for (int i = 0; i < count; i++)
                {
                    Gemm.Multiply(!x.Transposed, false, depth, columns, rows, x.At(left), x.Stride, g.Slice(i * size, size), columns, target.Slice(place.Offset, depth * columns), columns, accumulate);
                    place.Next();
                    left.Next();
                }
            }
        }

        protected override void Forget() => A = B = default;

        private Span<float> Start(int input, Shape batch, bool empty, out bool accumulate)
        {
            var target = Target(input, out accumulate);
            if (accumulate || (!empty && Matrices.Batch(InputShape(input)) == batch)) return target;
            target.Clear();
            accumulate = true;
            return target;
        }
    }
}
