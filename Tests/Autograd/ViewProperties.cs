using CsCheck;
using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Autograd;

/// <summary>Views of views, and broadcasting, against a naive tensor: a function from indices to values.</summary>
public class ViewProperties
{
    [Fact]
    public void Chains_of_views_show_the_right_elements() => Gen.Int[0, 1_000_000].Sample(
        seed =>
        {
            var random = new RandomTensors(seed);
            var shape = random.Shape(minSize: seed % 10 == 0 ? 0 : 1);
            var tensor = random.Tensor(shape);
            var data = tensor.ToArray();
            var naive = new Naive(shape, index => data[Naive.Position(shape, index)]);
            for (int i = 0; i < 6; i++) (tensor, naive) = View(tensor, naive, random);
            Assert.Equal(naive.Shape, tensor.Shape);
            Assert.Equal(naive.ToArray(), tensor.ToArray());
            Assert.Equal(naive.ToArray(), tensor.Contiguous().ToArray());
            Assert.Equal(naive.ToArray().Select(v => v > 0f), (tensor > 0f).ToBoolArray());
        },
        iter: 1500, threads: 1);

    [Fact]
    public void Gradients_find_their_way_back_through_chains_of_views() => Gen.Int[0, 1_000_000].Sample(
        seed =>
        {
            // The elements are numbers: where they end up says where gradients come from.
            var random = new RandomTensors(seed);
            var leaf = Tensor.Zeros(random.Shape());
            for (int i = 0; i < leaf.Numel; i++) leaf.Span[i] = i;
            leaf.RequiresGrad_();
            var view = leaf;
            var naive = new Naive(leaf.Shape, index => Naive.Position(leaf.Shape, index));
            for (int i = 0; i < 5; i++) (view, naive) = View(view, naive, random);
            var gradient = random.Tensor(view.Shape);
            if (view.IsLeaf) return;
            view.Backward(gradient);
            var expected = new float[leaf.Numel];
            foreach (var (number, value) in view.ToArray().Zip(gradient.ToArray())) expected[(int)number] += value;
            var actual = leaf.Grad!.Value.ToArray();
            for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-4f);
        },
        iter: 800, threads: 1);

    [Fact]
    public void Broadcasting_pairs_the_right_elements() => Gen.Int[0, 1_000_000].Sample(
        seed =>
        {
            var random = new RandomTensors(seed);
            var shape = random.Shape(minSize: seed % 10 == 0 ? 0 : 1, maxSize: 20, maxRank: 3);
            var (a, b) = (random.Tensor(shape), random.Tensor(random.Broadcastable(shape)));
            if (random.Below(2) == 0 && a.Rank > 1) a = a.Transpose(0, -1).Contiguous().Transpose(0, -1);
            if (random.Below(2) == 0) (a, b) = (b, a);
            var (x, y) = (Naive.Of(a), Naive.Of(b));
            foreach (var (result, rule) in new (Tensor, Func<float, float, float>)[]
            {
                (a + b, (p, q) => p + q), (a - b, (p, q) => p - q), (a * b, (p, q) => p * q), (a / b, (p, q) => p / q),
                (a.Maximum(b), MathF.Max), (a.Minimum(b), MathF.Min), (Tensor.Where(a > b, a, b), (p, q) => p > q ? p : q),
            })
            {
                var expected = Naive.Pair(x, y, shape, rule);
                Assert.Equal(expected.Shape, result.Shape);
                Assert.Equal(expected.ToArray(), result.ToArray());
            }
        },
        iter: 500, threads: 1);

    [Fact]
    public void Reductions_add_up_the_right_elements() => Gen.Int[0, 1_000_000].Sample(
        seed =>
        {
            var random = new RandomTensors(seed);
            var shape = random.Shape(minSize: seed % 10 == 0 ? 0 : 1);
            var tensor = random.Tensor(shape);
            int[] dims = [.. random.Permutation(shape.Rank).Take(random.Below(shape.Rank + 1))];
            bool[] reduced = [.. Enumerable.Range(0, shape.Rank).Select(d => dims.Length == 0 || dims.Contains(d))];
            var sums = new Dictionary<string, double>();
            foreach (var index in Naive.Indices(shape))
            {
                string key = string.Join(",", index.Where((_, d) => !reduced[d]));
                sums[key] = sums.GetValueOrDefault(key) + tensor[[.. index.Select(i => (TensorIndex)i)]].Item();
            }
            var kept = tensor.Sum(dims, keepDim: true);
            Assert.Equal(shape.Span.ToArray().Select((size, d) => reduced[d] ? 1 : size), kept.Shape.ToArray());
            Assert.Equal(shape.Span.ToArray().Where((_, d) => !reduced[d]), tensor.Sum(dims).Shape.ToArray());
            foreach (var (index, value) in Naive.Indices(kept.Shape).Zip(kept.ToArray()))
                Assert.Equal(sums.GetValueOrDefault(string.Join(",", index.Where((_, d) => !reduced[d]))), value, 1e-4);
            Assert.Equal(kept.ToArray(), tensor.Sum(dims).ToArray());
        },
        iter: 200, threads: 1);

    private static (Tensor, Naive) View(Tensor x, Naive n, RandomTensors random)
    {
        int rank = x.Rank, dim = rank == 0 ? 0 : random.Below(rank);
        switch (random.Below(9))
        {
            case 0:
                var order = random.Permutation(rank);
                return (x.Permute(order), n.Map(order.Select(d => n.Shape[d]), index => [.. Enumerable.Range(0, rank).Select(d => index[Array.IndexOf(order, d)])]));
            case 1 when rank > 0:
                int start = random.Below(x.Shape[dim] + 1), length = random.Below(x.Shape[dim] - start + 1);
                return (x.Narrow(dim, start, length), n.Map(n.Shape.With(dim, length).Span.ToArray(), index => Changed(index, dim, index[dim] + start)));
            case 2 when rank > 0 && x.Shape[dim] > 0:
                int at = random.Below(x.Shape[dim]);
                return (x.Select(dim - rank, at), n.Map(n.Shape.Without(dim).Span.ToArray(), index => [.. index[..dim], at, .. index[dim..]]));
            case 3 when rank < 6:
                int place = random.Below(rank + 1);
                return (x.Unsqueeze(place), n.Map(n.Shape.Insert(place, 1).Span.ToArray(), index => [.. index[..place], .. index[(place + 1)..]]));
            case 4 when rank < 6 && x.Numel < 500:
                int copies = random.Between(1, 3);
                return (x.Expand(x.Shape.Insert(0, copies)), n.Map(n.Shape.Insert(0, copies).Span.ToArray(), index => index[1..]));
            case 5 when rank > 0:
                int step = random.Between(1, 3), from = random.Below(x.Shape[dim] + 1);
                return (x.Slice(dim, from, x.Shape[dim], step), n.Map(n.Shape.With(dim, (n.Shape[dim] - from + step - 1) / step).Span.ToArray(), index => Changed(index, dim, from + index[dim] * step)));
            case 6 when rank > 1:
                int end = random.Between(0, rank - 1), begin = random.Between(0, end);
                return Reshaped(x.Flatten(begin, end), n);
            case 7 when rank > 0 && rank < 6 && x.Shape[dim] % 2 == 0:
                return Reshaped(x.Unflatten(dim, 2, -1), n);
            default:
                return Reshaped(x.Reshape(-1, 1), n);
        }
    }

    private static (Tensor, Naive) Reshaped(Tensor x, Naive n)
    {
        var (from, to) = (n.Shape, x.Shape);
        return (x, n.Map(to.Span.ToArray(), index => Naive.Index(from, Naive.Position(to, index))));
    }

    private static int[] Changed(int[] index, int dim, int value)
    {
        var copy = (int[])index.Clone();
        copy[dim] = value;
        return copy;
    }

    private sealed record Naive(Shape Shape, Func<int[], float> At)
    {
        public static Naive Of(Tensor tensor)
        {
            var data = tensor.ToArray();
            return new Naive(tensor.Shape, index => data[Position(tensor.Shape, index)]);
        }

        public static Naive Pair(Naive a, Naive b, Shape shape, Func<float, float, float> rule) => new(shape, index => rule(a.At(Fit(a.Shape, index)), b.At(Fit(b.Shape, index))));

        public static int Position(Shape shape, int[] index)
        {
            int position = 0;
            for (int d = 0; d < shape.Rank; d++) position = position * shape[d] + index[d];
            return position;
        }

        public static int[] Index(Shape shape, int position)
        {
            var index = new int[shape.Rank];
            for (int d = shape.Rank - 1; d >= 0; d--) (position, index[d]) = Math.DivRem(position, shape[d]);
            return index;
        }

        public static IEnumerable<int[]> Indices(Shape shape) => Enumerable.Range(0, shape.Numel).Select(i => Index(shape, i));

        public Naive Map(IEnumerable<int> sizes, Func<int[], int[]> index) => new(new Shape([.. sizes]), i => At(index(i)));

        public float[] ToArray() => [.. Indices(Shape).Select(At)];

        private static int[] Fit(Shape shape, int[] index)
        {
            var own = index[^shape.Rank..];
            for (int d = 0; d < own.Length; d++)
                if (shape[d] == 1) own[d] = 0;
            return own;
        }
    }
}
