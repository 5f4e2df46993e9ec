using CsCheck;
using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Autograd;

/// <summary>Gradients against central differences: each operation on random shapes, and random programs of them.</summary>
public class GradientProperties
{
    private const float Step = 1e-2f;

    /// <summary>Smooth operations of one tensor that keep values moderate.</summary>
    private static readonly (string Name, Func<Tensor, RandomTensors, Tensor> Apply)[] Unary =
    [
        ("tanh", (x, _) => x.Tanh()),
        ("sigmoid", (x, _) => x.Sigmoid()),
        ("sin", (x, _) => x.Sin()),
        ("cos", (x, _) => x.Cos()),
        ("gelu", (x, _) => x.Gelu()),
        ("gelu tanh", (x, _) => x.Gelu(GeluApproximation.Tanh)),
        ("silu", (x, _) => x.Silu()),
        ("mish", (x, _) => x.Mish()),
        ("softplus", (x, _) => x.Softplus()),
        ("logsigmoid", (x, _) => x.LogSigmoid()),
        ("erf", (x, _) => x.Erf()),
        ("exp", (x, _) => x.Tanh().Exp()),
        ("log", (x, _) => (x.Square() + 1f).Log()),
        ("sqrt", (x, _) => (x.Square() + 1f).Sqrt()),
        ("rsqrt", (x, _) => (x.Square() + 1f).Rsqrt()),
        ("reciprocal", (x, _) => 2f / (x.Square() + 1f)),
        ("pow", (x, _) => (x.Square() + 1f).Pow(0.7f)),
        ("neg", (x, _) => 1f - x),
        ("scale", (x, _) => x * 0.7f / 1.3f),
        ("sum", (x, r) => x.Sum(Dims(x, r), Keep(r)) * 0.3f),
        ("mean", (x, r) => x.Mean(Dims(x, r), Keep(r))),
        ("var", (x, r) => x.Var(Dims(x, r), correction: 0, Keep(r))),
        ("std", (x, r) => (x.Var(Dims(x, r), correction: 0, Keep(r)) + 0.5f).Sqrt()),
        ("logsumexp", (x, r) => x.LogSumExp(Dims(x, r), Keep(r))),
        ("prod", (x, r) => x.Rank == 0 ? x : (x * 0.5f + 1f).Prod(r.Below(x.Rank), Keep(r)) * 0.1f),
        ("cumsum", (x, r) => x.Rank == 0 ? x : x.Cumsum(r.Below(x.Rank)) * 0.3f),
        ("softmax", (x, r) => x.Rank == 0 ? x : x.Softmax(r.Below(x.Rank))),
        ("log_softmax", (x, r) => x.Rank == 0 ? x : x.LogSoftmax(-1 - r.Below(x.Rank))),
        ("permute", (x, r) => x.Permute(r.Permutation(x.Rank))),
        ("reshape", (x, _) => x.Reshape(-1)),
        ("unsqueeze", (x, r) => x.Rank < 5 ? x.Unsqueeze(r.Between(-x.Rank - 1, x.Rank)) : x.Squeeze()),
        ("expand", (x, r) => x.Rank < 4 ? x.Expand(x.Shape.Insert(0, r.Between(1, 3))) : x),
        ("narrow", (x, r) => Part(x, r)),
        ("slice", (x, r) => x.Rank == 0 ? x : x.Slice(0, 0, x.Shape[0], 2)),
        ("index", (x, r) => x.Rank < 2 ? x : x[^1]),
        ("index_select", (x, r) => x.Rank == 0 ? x : x.IndexSelect(r.Below(1), Tensor.From(0L, x.Shape[0] - 1, 0L))),
        ("pad", (x, r) => x.Rank == 0 || x.Shape[^1] > 6 ? x : x.Pad([1, r.Below(3)], 0.5f)),
        ("masked_fill", (x, r) => x.MaskedFill(x.Detach() * 0f + r.Tensor(x.Shape) > 0.8f, 0.1f)),
        ("layer_norm", (x, r) => x.Rank == 0 ? x : x.LayerNorm([x.Shape[^1]], eps: 0.5f)),
        ("rms_norm", (x, r) => x.Rank == 0 ? x : x.RmsNorm([x.Shape[^1]], eps: 0.5f)),
    ];

    private static readonly (string Name, Func<Tensor, Tensor, RandomTensors, Tensor> Apply)[] Binary =
    [
        ("add", (a, b, _) => a + b),
        ("sub", (a, b, _) => a - b),
        ("mul", (a, b, _) => a * b),
        ("div", (a, b, _) => a / (b.Square() + 1f)),
        ("where", (a, b, r) => Tensor.Where(r.Tensor((a.Detach() + b.Detach()).Shape) > 0f, a, b)),
        ("mse", (a, b, _) => (a + b).MseLoss(b) + a),
    ];

    [Fact]
    public void Each_operation_of_one_tensor()
    {
        foreach (var (name, apply) in Unary)
            Gen.Int[0, 1_000_000].Sample(
                seed =>
                {
                    var random = new RandomTensors(seed);
                    var shape = random.Shape(maxSize: 5);
                    Check(name, seed, [random.Tensor(shape)], x => apply(x[0], new RandomTensors(seed + 1)));
                },
                iter: 12, threads: 1);
    }

    [Fact]
    public void Each_operation_of_two_tensors_with_broadcasting()
    {
        foreach (var (name, apply) in Binary)
            Gen.Int[0, 1_000_000].Sample(
                seed =>
                {
                    var random = new RandomTensors(seed);
                    var shape = random.Shape(maxSize: 5);
                    var (a, b) = (random.Tensor(shape), random.Tensor(random.Broadcastable(shape)));
                    if (seed % 2 == 0) (a, b) = (b, a);
                    Check(name, seed, [a, b], x => apply(x[0], x[1], new RandomTensors(seed + 1)));
                },
                iter: 25, threads: 1);
    }

    [Fact]
    public void Matrix_products_of_all_ranks() => Gen.Int[0, 1_000_000].Sample(
        seed =>
        {
            var random = new RandomTensors(seed);
            int m = random.Between(1, 4), k = random.Between(1, 5), n = random.Between(1, 4);
            var batch = random.Shape(0, 2, 1, 3);
            Tensor a = random.Tensor(new Shape([.. batch.Span, m, k])), b = random.Tensor(new Shape([.. random.Broadcastable(batch).Span, k, n]));
            if (random.Below(4) == 0) b = random.Tensor([k]);
            if (random.Below(6) == 0) a = random.Tensor([k]);
            bool transposed = random.Below(2) == 0 && a.Rank > 1 && b.Rank > 1;
            Check("matmul", seed, [a, b], x => transposed ? x[0].Transpose(-1, -2).Contiguous().Transpose(-1, -2).MatMul(x[1].Permute([.. Enumerable.Range(0, b.Rank)])) : x[0].MatMul(x[1]));
        },
        iter: 80, threads: 1);

    [Fact]
    public void Convolutions_and_pools() => Gen.Int[0, 1_000_000].Sample(
        seed =>
        {
            var random = new RandomTensors(seed);
            int groups = random.Between(1, 2), channels = groups * random.Between(1, 2), outputs = groups * random.Between(1, 2), kernel = random.Between(1, 3);
            var (stride, padding, dilation) = (random.Between(1, 2), random.Between(0, 2), random.Between(1, 2));
            Tensor image = random.Tensor([random.Between(1, 2), channels, 6, 5]), bias = random.Tensor([outputs]);
            Check("conv2d", seed, [image, random.Tensor([outputs, channels / groups, kernel, kernel]), bias], x => x[0].Conv2d(x[1], x[2], stride, padding, dilation, groups) * 0.3f);
            Check("conv_transpose2d", seed, [image, random.Tensor([channels, outputs / groups, kernel + 1, kernel]), bias], x => x[0].ConvTranspose2d(x[1], x[2], stride, 0, stride - 1, groups, dilation) * 0.3f);
            Check("avg_pool2d", seed, [image], x => x[0].AvgPool2d((kernel, 2), stride, (kernel / 2, 1)));
            Check("adaptive_avg_pool2d", seed, [image], x => x[0].AdaptiveAvgPool2d((kernel, 2)));
            Check("group_norm", seed, [image, random.Tensor([channels]), random.Tensor([channels])], x => x[0].GroupNorm(groups, x[1], x[2], 0.5f));
            Check("batch_norm", seed, [image, random.Tensor([channels]), random.Tensor([channels])], x => x[0].BatchNorm(null, null, x[1], x[2], training: true, eps: 0.5f));
        },
        iter: 15, threads: 1);

    [Fact]
    public void Attention_fused_and_composed() => Gen.Int[0, 1_000_000].Sample(
        seed =>
        {
            var random = new RandomTensors(seed);
            int rows = random.Between(1, 5), keys = random.Between(1, 5), width = random.Between(1, 4);
            Tensor q = random.Tensor([2, rows, width]), k = random.Tensor([2, keys, width]), v = random.Tensor([2, keys, width]);
            Check("attention", seed, [q, k, v], x => x[0].ScaledDotProductAttention(x[1], x[2], isCausal: seed % 2 == 0));
            Check("attention with a mask", seed, [q, k, v, random.Tensor([rows, keys])], x => x[0].ScaledDotProductAttention(x[1], x[2], x[3]));
            Check("self-attention", seed, [random.Tensor([2, rows, 6 * width])], x => x[0].SelfAttention(2, isCausal: seed % 2 == 0));
        },
        iter: 20, threads: 1);

    [Fact]
    public void Random_programs() => Gen.Int[0, 1_000_000].Sample(
        seed =>
        {
            var random = new RandomTensors(seed);
            var leaves = new[] { random.Tensor(random.Shape(1, 3)), random.Tensor(random.Shape(1, 3)) };
            Check("program", seed, leaves, x => Program(x, new RandomTensors(seed + 1)));
        },
        iter: 150, threads: 1);

    /// <summary>Eight operations on tensors made so far, then everything summed.</summary>
    private static Tensor Program(Tensor[] inputs, RandomTensors random)
    {
        var made = inputs.ToList();
        for (int i = 0; i < 8; i++)
        {
            var a = random.Of(made);
            var mates = made.Where(b => Broadcasts(a, b)).ToList();
            made.Add(random.Below(3) > 0 ? random.Of(Unary).Apply(a, random) : random.Of(Binary).Apply(a, random.Of(mates), random));
        }
        return made.Select(t => t.Tanh().Mean()).Aggregate((a, b) => a + b);
    }

    private static bool Broadcasts(Tensor a, Tensor b)
    {
        for (int d = 1; d <= Math.Min(a.Rank, b.Rank); d++)
            if (a.Shape[^d] != b.Shape[^d] && a.Shape[^d] != 1 && b.Shape[^d] != 1) return false;
        return true;
    }

    /// <summary>The derivative along one random direction for each input, by the gradient and by a central difference.</summary>
    private static void Check(string name, int seed, Tensor[] inputs, Func<Tensor[], Tensor> function)
    {
        var random = new RandomTensors(seed + 2);
        var leaves = Array.ConvertAll(inputs, x => x.Clone().RequiresGrad_());
        var output = function(leaves);
        var weights = random.Tensor(output.Shape, -1f, 1f);
        (output * weights).Sum().Backward();
        for (int i = 0; i < leaves.Length; i++)
        {
            var direction = random.Tensor(inputs[i].Shape, -1f, 1f);
            double slope = leaves[i].Grad is { } gradient ? Dot(gradient, direction) : 0;
            double difference = (Value(i, direction, Step) - Value(i, direction, -Step)) / (2 * Step);
            double scale = 1 + Math.Abs(slope) + (leaves[i].Grad is { } g ? Math.Sqrt(Dot(g, g)) : 0);
            Assert.True(Math.Abs(slope - difference) < 0.02 * scale, $"{name}, seed {seed}, input {i} of shape {inputs[i].Shape}: the gradient says {slope}, the difference {difference}");
        }

        double Value(int input, Tensor direction, float step)
        {
            using var _ = GradMode.NoGrad();
            var moved = (Tensor[])inputs.Clone();
            moved[input] = inputs[input] + direction * step;
            return Dot(function(moved), weights);
        }
    }

    private static double Dot(Tensor a, Tensor b) => a.ToArray().Zip(b.ToArray(), (x, y) => (double)x * y).Sum();

    private static int[] Dims(Tensor x, RandomTensors random) => [.. random.Permutation(x.Rank).Take(random.Below(x.Rank + 1))];

    private static bool Keep(RandomTensors random) => random.Below(2) == 0;

    private static Tensor Part(Tensor x, RandomTensors random)
    {
        if (x.Rank == 0) return x;
        int dim = random.Below(x.Rank), start = random.Below(x.Shape[dim]);
        return x.Narrow(dim - x.Rank, start, random.Between(1, x.Shape[dim] - start));
    }
}
