using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor)
    {
        /// <summary>
        /// Einstein's summation of one or two tensors: <c>Einsum("bhtd,bhsd-&gt;bhts", q, k)</c>. Letters that both have and the result has are batches, those that only the result lacks are summed: it is
        /// a batched matrix product. Without <c>-&gt;</c> the result has the letters that occur once, in alphabetical order.
        /// </summary>
        /// <exception cref="ArgumentException">The equation is malformed (a letter twice in one operand, an unknown one in the result) or does not fit the shapes.</exception>
        public static Tensor Einsum(string equation, params ReadOnlySpan<Tensor> operands)
        {
            var plan = EinsumPlan.Of(equation);
            plan.Check(operands);
            var a = operands[0];
            foreach (int dim in plan.Sums[0]) a = a.Sum(dim);
            if (operands.Length == 1) return InOrder(a, plan.Result);

            // What occurs in one operand only and not in the result is gone; every other letter is a batch's, a row's, a column's or summed by the product.
            var b = operands[1];
            foreach (int dim in plan.Sums[1]) b = b.Sum(dim);
            (a, b) = (InOrder(a, plan.Orders[0]), InOrder(b, plan.Orders[1]));
            Shape left = a.Shape, right = b.Shape;
            ReadOnlySpan<int> batch = left.Span[..plan.Batch], rows = left.Span.Slice(plan.Batch, plan.Rows), inner = left.Span[(plan.Batch + plan.Rows)..];
            var columns = right.Span[(plan.Batch + plan.Inner)..];
            int count = Size(batch), m = Size(rows), k = Size(inner), n = Size(columns);
            var y = Product(Reshaped(a, new Shape(count, m, k)), Reshaped(b, new Shape(count, k, n)));
            Span<int> sizes = stackalloc int[Shape.MaxRank];
            batch.CopyTo(sizes);
            rows.CopyTo(sizes[plan.Batch..]);
            columns.CopyTo(sizes[(plan.Batch + plan.Rows)..]);
            return InOrder(Reshaped(y, new Shape(sizes[..(plan.Batch + plan.Rows + plan.Columns)])), plan.Result);
        }
    }

    private static Tensor InOrder(Tensor x, int[] order)
    {
        for (int d = 0; d < order.Length; d++)
            if (order[d] != d) return x.Permute(order);
        return x;
    }

    private static int Size(ReadOnlySpan<int> sizes)
    {
        int n = 1;
        foreach (int size in sizes) n *= size;
        return n;
    }
}
