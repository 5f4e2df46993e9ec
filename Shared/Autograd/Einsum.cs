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
            var terms = EinsumTerms.Parse(equation);
            if (operands.Length is not (1 or 2) || operands.Length != terms.Operands) throw new ArgumentException($"Einsum(\"{equation}\"): {operands.Length} tensors for {terms.Operands} operands, expected one or two of each");
            var (a, left) = (operands[0], terms.Left);
            terms.Check(left, a.Shape);
            if (operands.Length == 1) return Ordered(SumLetters(ref a, ref left, terms.Result, ""), left, terms.Result);

            var (b, right) = (operands[1], terms.Right);
            terms.Check(right, b.Shape);
            terms.CheckCommon(a.Shape, b.Shape);
            // What occurs in one operand only and not in the result is summed at once; then every letter is a batch's, a row's, a column's or summed by the product.
            SumLetters(ref a, ref left, terms.Result, right);
            SumLetters(ref b, ref right, terms.Result, left);
            string batch = Common(left, right, terms.Result, inResult: true), summed = Common(left, right, terms.Result, inResult: false);
            string rows = Except(left, batch + summed), columns = Except(right, batch + summed);
            Tensor x = Ordered(a, left, batch + rows + summed), w = Ordered(b, right, batch + summed + columns);
            Shape all = x.Shape, others = w.Shape;
            int m = Size(all.Span.Slice(batch.Length, rows.Length)), k = Size(all.Span[(batch.Length + rows.Length)..]), n = Size(others.Span[(batch.Length + summed.Length)..]);
            int count = Size(all.Span[..batch.Length]);
            var y = Product(x.Reshape(new Shape(count, m, k)), w.Reshape(new Shape(count, k, n)));
            Span<int> sizes = stackalloc int[batch.Length + rows.Length + columns.Length];
            all.Span[..(batch.Length + rows.Length)].CopyTo(sizes);
            others.Span[(batch.Length + summed.Length)..].CopyTo(sizes[(batch.Length + rows.Length)..]);
            return Ordered(y.Reshape(new Shape(sizes)), batch + rows + columns, terms.Result);
        }
    }

    private static Tensor SumLetters(ref Tensor x, ref string letters, string result, string other)
    {
        for (int d = letters.Length - 1; d >= 0; d--)
        {
            if (result.Contains(letters[d]) || other.Contains(letters[d])) continue;
            x = x.Sum(d);
            letters = letters.Remove(d, 1);
        }
        return x;
    }

    private static Tensor Ordered(Tensor x, string letters, string order)
    {
        if (letters == order) return x;
        Span<int> dims = stackalloc int[order.Length];
        for (int d = 0; d < order.Length; d++) dims[d] = letters.IndexOf(order[d]);
        return x.Permute(dims);
    }

    private static string Common(string left, string right, string result, bool inResult) => string.Concat(left.Where(c => right.Contains(c) && result.Contains(c) == inResult));

    private static string Except(string letters, string others) => string.Concat(letters.Where(c => !others.Contains(c)));

    private static int Size(ReadOnlySpan<int> sizes)
    {
        int n = 1;
        foreach (int size in sizes) n *= size;
        return n;
    }
}
