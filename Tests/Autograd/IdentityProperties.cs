using CsCheck;
using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Autograd;

/// <summary>Laws that operations obey together, on random shapes.</summary>
public class IdentityProperties
{
    [Fact]
    public void Laws_of_matrix_products() => Sample(
        random =>
        {
            int m = random.Between(1, 9), k = random.Between(1, 40), n = random.Between(1, 9), b = random.Between(1, 3);
            Tensor x = random.Tensor([b, m, k]), y = random.Tensor([b, k, n]), z = random.Tensor([k, n]);
            // The same chain of additions, so the same bits.
            Exact(x.MatMul(y).Transpose(-1, -2), y.Transpose(-1, -2).MatMul(x.Transpose(-1, -2)));
            Exact(x.Bmm(y), Tensor.Einsum("bmk,bkn->bmn", x, y));
            Exact(x.MatMul(z), Tensor.Stack(x.Split(1).ToArray().Select(part => part.Squeeze(0).MatMul(z)).ToArray()));
            Exact(x.MatMul(z), Tensor.Cat(Enumerable.Range(0, b).Select(i => x[i..(i + 1)].MatMul(z)).ToArray()));
            Exact(x[0].MatMul(z), x[0].Linear(z.T()));
            Exact(x[0].MatMul(z), x.Transpose(0, 1).Contiguous().Transpose(0, 1)[0].MatMul(z.T().Contiguous().T()));
            Close(x.MatMul(y + z), x.MatMul(y) + x.MatMul(z));
            Exact(x[0].MatMul(z[.., 0]), x[0].MatMul(z)[.., 0]);
            Close(x[0, 0].Dot(z[.., 0]), (x[0, 0] * z[.., 0]).Sum());
        });

    [Fact]
    public void Einsum_is_the_sum_that_it_says() => Sample(
        random =>
        {
            Tensor x = random.Tensor([2, 3, 4]), y = random.Tensor([4, 2, 5]);
            Close(Tensor.Einsum("abc,cad->bd", x, y), (x.Permute(1, 0, 2).Reshape(3, 8)).MatMul(y.Permute(1, 0, 2).Reshape(8, 5)));
            Close(Tensor.Einsum("abc,cad->da", x, y), (x.Sum(1).Unsqueeze(2) * y.Permute(1, 0, 2)).Sum(1).T());
            Close(Tensor.Einsum("abc->ca", x), x.Sum(1).T());
            Close(Tensor.Einsum("abc", x), x);
            Close(Tensor.Einsum("i,j->ij", x[0, 0], y[0, 0]), x[0, 0].Unsqueeze(1) * y[0, 0]);
            Close(Tensor.Einsum("i,i", x[0, 0], x[1, 0]), x[0, 0].Dot(x[1, 0]));
            Close(Tensor.Einsum("abc,abc->ab", x, x), x.Square().Sum(-1));
        });

    [Fact]
    public void Laws_of_softmax() => Sample(
        random =>
        {
            var x = random.Tensor(random.Shape(1, 4, 1, 20), -30f, 30f);
            int dim = random.Below(x.Rank);
            Close(x.Softmax(dim).Sum(dim), Tensor.Ones(x.Shape.Without(dim)));
            Close(x.LogSoftmax(dim).Exp(), x.Softmax(dim));
            Close(x.LogSoftmax(dim), x - x.LogSumExp(dim, keepDim: true));
            Close((x + 100f).Softmax(dim), x.Softmax(dim), 1e-4f);
            var moved = x.Transpose(dim, -1);
            Close(moved.Softmax(-1).Transpose(dim, -1), x.Softmax(dim));
        });

    [Fact]
    public void Cutting_and_joining_are_each_other_s_inverse() => Sample(
        random =>
        {
            var x = random.Tensor(random.Shape(1, 4, 1, 7));
            int dim = random.Below(x.Rank), size = random.Between(1, 4);
            Exact(Tensor.Cat(x.Split(size, dim).ToArray(), dim - x.Rank), x);
            Exact(Tensor.Cat(x.Chunk(size, dim).ToArray(), dim), x);
            Exact(Tensor.Stack([.. Enumerable.Range(0, x.Shape[dim]).Select(i => x.Select(dim, i))], dim), x);
            Exact(x.Unsqueeze(dim).Squeeze(dim), x);
            var order = random.Permutation(x.Rank);
            Exact(x.Permute(order).Permute([.. Enumerable.Range(0, x.Rank).Select(d => Array.IndexOf(order, d))]), x);
            Exact(x.Flatten().Reshape(x.Shape), x);
        });

    [Fact]
    public void Laws_of_order() => Sample(
        random =>
        {
            var x = random.Tensor(random.Shape(1, 4, 1, 9));
            int dim = random.Below(x.Rank), k = random.Between(1, x.Shape[dim]);
            var (values, indices) = x.TopK(k, dim);
            Exact(x.Gather(dim, indices), values);
            Exact(values.Narrow(dim, 0, 1).Squeeze(dim), x.Amax(dim));
            Assert.Equal(indices.Narrow(dim, 0, 1).Squeeze(dim).ToLongArray(), x.Argmax(dim).ToLongArray());
            Exact(x.Amin(dim), -(-x).Amax(dim));
            Exact(x.Max(dim).Values, x.Amax(dim));
            Exact(x.Sort(dim).Values, -(-x).Sort(dim, descending: true).Values);
            Exact(x.Maximum(x * 0f), x.Relu());
            Exact(x.Clamp(-0.5f, 0.5f), x.Hardtanh(-0.5f, 0.5f));
            Assert.True((x.Sort(dim).Values.Narrow(dim, 0, x.Shape[dim] - 1) <= x.Sort(dim).Values.Narrow(dim, 1, x.Shape[dim] - 1)).All());
        });

    [Fact]
    public void Laws_of_sums() => Sample(
        random =>
        {
            var x = random.Tensor(random.Shape(1, 4, 1, 9));
            int dim = random.Below(x.Rank), n = x.Shape[dim];
            Close(x.Sum(dim).Sum(), x.Sum());
            Close(x.Mean(dim, keepDim: true) * n, x.Sum(dim, keepDim: true));
            Close(x.Cumsum(dim).Select(dim, -1), x.Sum(dim));
            Close(x.Var(dim, correction: 0), (x - x.Mean(dim, keepDim: true)).Square().Mean(dim));
            Close((x.Abs() + 0.5f).Prod(dim), (x.Abs() + 0.5f).Log().Sum(dim).Exp(), 1e-3f);
            Close(Tensor.Zeros(x.Shape).ScatterAdd(dim, x.Argmax(dim, keepDim: true), x.Amax(dim, keepDim: true)).Sum(dim), x.Amax(dim));
        });

    [Fact]
    public void Convolutions_are_matrix_products_and_each_other_s_transposes() => Sample(
        random =>
        {
            int channels = random.Between(1, 3), outputs = random.Between(1, 3), k = random.Between(1, 3);
            Tensor x = random.Tensor([2, channels, 6, 7]), w = random.Tensor([outputs, channels, k, k]);
            var y = x.Conv2d(w);
            Close(x.Conv2d(w[.., .., ..1, ..1]), Tensor.Einsum("nchw,oc->nohw", x, w[.., .., 0, 0]));
            // ⟨conv(x), g⟩ = ⟨x, convᵀ(g)⟩.
            var g = random.Tensor(y.Shape);
            Close((y * g).Sum(), (x * g.ConvTranspose2d(w)).Sum(), 1e-3f);
            Close(x[.., .., 0].Conv1d(w[.., .., 0]), x[.., .., ..1].Conv2d(w[.., .., ..1])[.., .., 0]);
        });

    private static void Sample(Action<RandomTensors> law) => Gen.Int[0, 1_000_000].Sample(seed => law(new RandomTensors(seed)), iter: 60, threads: 1);

    private static void Exact(Tensor a, Tensor b)
    {
        Assert.Equal(b.Shape, a.Shape);
        Assert.Equal(b.ToArray(), a.ToArray());
    }

    private static void Close(Tensor a, Tensor b, float tolerance = 1e-4f)
    {
        Assert.Equal(b.Shape, a.Shape);
        foreach (var (x, y) in a.ToArray().Zip(b.ToArray())) Assert.True(Math.Abs(x - y) <= tolerance * (1 + Math.Abs(y)), $"{x} and {y}");
    }
}
