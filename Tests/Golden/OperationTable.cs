using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Golden;

/// <summary>Operations by PyTorch's names, called with a figure's inputs and attributes.</summary>
internal static class OperationTable
{
    private static readonly Dictionary<string, Func<Tensor[], Attributes, Tensor>> Table = new()
    {
        ["add"] = (x, _) => x[0] + x[1],
        ["sub"] = (x, _) => x[0] - x[1],
        ["mul"] = (x, _) => x[0] * x[1],
        ["div"] = (x, _) => x[0] / x[1],
        ["maximum"] = (x, _) => x[0].Maximum(x[1]),
        ["minimum"] = (x, _) => x[0].Minimum(x[1]),

        ["neg"] = (x, _) => -x[0],
        ["exp"] = (x, _) => x[0].Exp(),
        ["log"] = (x, _) => x[0].Log(),
        ["sqrt"] = (x, _) => x[0].Sqrt(),
        ["rsqrt"] = (x, _) => x[0].Rsqrt(),
        ["reciprocal"] = (x, _) => x[0].Reciprocal(),
        ["square"] = (x, _) => x[0].Square(),
        ["abs"] = (x, _) => x[0].Abs(),
        ["sin"] = (x, _) => x[0].Sin(),
        ["cos"] = (x, _) => x[0].Cos(),
        ["pow"] = (x, a) => x.Length > 1 ? x[0].Pow(x[1]) : x[0].Pow(a.Float("exponent")),
        ["clamp"] = (x, a) => x[0].Clamp(a.Float("min", double.NegativeInfinity), a.Float("max", double.PositiveInfinity)),

        ["relu"] = (x, _) => x[0].Relu(),
        ["leaky_relu"] = (x, a) => x[0].LeakyRelu(a.Float("negative_slope", 0.01)),
        ["elu"] = (x, a) => x[0].Elu(a.Float("alpha", 1)),
        ["gelu"] = (x, a) => x[0].Gelu(a.Text("approximate", "none") switch
        {
            "none" => GeluApproximation.None,
            "tanh" => GeluApproximation.Tanh,
            var other => throw new NotSupportedException($"gelu: approximate={other}"),
        }),
        ["silu"] = (x, _) => x[0].Silu(),
        ["mish"] = (x, _) => x[0].Mish(),
        ["sigmoid"] = (x, _) => x[0].Sigmoid(),
        ["logsigmoid"] = (x, _) => x[0].LogSigmoid(),
        ["tanh"] = (x, _) => x[0].Tanh(),
        ["softplus"] = (x, a) => x[0].Softplus(a.Float("beta", 1), a.Float("threshold", 20)),
        ["hardtanh"] = (x, a) => x[0].Hardtanh(a.Float("min_val", -1), a.Float("max_val", 1)),
        ["hardswish"] = (x, _) => x[0].Hardswish(),
        ["softmax"] = (x, a) => x[0].Softmax(a.Int("dim")),
        ["log_softmax"] = (x, a) => x[0].LogSoftmax(a.Int("dim")),

        ["sum"] = (x, a) => x[0].Sum(a.Ints("dim"), a.Bool("keepdim")),
        ["mean"] = (x, a) => x[0].Mean(a.Ints("dim"), a.Bool("keepdim")),
        ["var"] = (x, a) => x[0].Var(a.Ints("dim"), a.Int("correction", 1), a.Bool("keepdim")),
        ["std"] = (x, a) => x[0].Std(a.Ints("dim"), a.Int("correction", 1), a.Bool("keepdim")),
        ["logsumexp"] = (x, a) => x[0].LogSumExp(a.Ints("dim"), a.Bool("keepdim")),
        ["amax"] = (x, a) => x[0].Amax(a.Ints("dim"), a.Bool("keepdim")),
        ["amin"] = (x, a) => x[0].Amin(a.Ints("dim"), a.Bool("keepdim")),
        ["prod"] = (x, a) => a.Has("dim") ? x[0].Prod(a.Int("dim"), a.Bool("keepdim")) : x[0].Prod(),
        ["cumsum"] = (x, a) => x[0].Cumsum(a.Int("dim")),

        ["matmul"] = (x, _) => x[0].MatMul(x[1]),
        ["bmm"] = (x, _) => x[0].Bmm(x[1]),
        ["linear"] = (x, _) => x[0].Linear(x[1], At(x, 2)),
        ["einsum"] = (x, a) => Tensor.Einsum(a.Text("equation"), x),

        ["select"] = (x, a) => x[0].Select(a.Int("dim"), a.Int("index")),
        ["tril"] = (x, a) => x[0].Tril(a.Int("diagonal")),
        ["triu"] = (x, a) => x[0].Triu(a.Int("diagonal")),
        ["transpose"] = (x, a) => x[0].Transpose(a.Int("dim0"), a.Int("dim1")),
        ["permute"] = (x, a) => x[0].Permute(a.Ints("dims")),
        ["reshape"] = (x, a) => x[0].Reshape(a.Ints("shape")),
        ["expand"] = (x, a) => x[0].Expand(a.Ints("shape")),
        ["squeeze"] = (x, a) => a.Has("dim") ? x[0].Squeeze(a.Int("dim")) : x[0].Squeeze(),
        ["unsqueeze"] = (x, a) => x[0].Unsqueeze(a.Int("dim")),
        ["flatten"] = (x, a) => x[0].Flatten(a.Int("start_dim"), a.Int("end_dim", -1)),
        ["narrow"] = (x, a) => x[0].Narrow(a.Int("dim"), a.Int("start"), a.Int("length")),
        ["cat"] = (x, a) => Tensor.Cat(x, a.Int("dim")),
        ["stack"] = (x, a) => Tensor.Stack(x, a.Int("dim")),
        ["pad"] = (x, a) => x[0].Pad(a.Ints("pad"), a.Float("value")),

        ["scatter_add"] = (x, a) => x[0].ScatterAdd(a.Int("dim"), x[1], x[2]),
        ["repeat"] = (x, a) => x[0].Repeat(a.Ints("repeats")),
        ["flip"] = (x, a) => x[0].Flip(a.Ints("dims")),
        ["roll"] = (x, a) => x[0].Roll(a.Int("shifts"), a.Int("dims")),
        ["outer"] = (x, _) => x[0].Outer(x[1]),
        ["norm"] = (x, a) => x[0].Norm(a.Ints("dim"), a.Bool("keepdim")),
        ["sign"] = (x, _) => x[0].Sign(),
        ["floor"] = (x, _) => x[0].Floor(),
        ["ceil"] = (x, _) => x[0].Ceil(),
        ["round"] = (x, _) => x[0].Round(),
        ["erf"] = (x, _) => x[0].Erf(),

        ["topk"] = (x, a) => x[0].TopK(a.Int("k"), a.Int("dim", -1), a.Bool("largest", true)).Values,
        ["sort"] = (x, a) => x[0].Sort(a.Int("dim", -1), a.Bool("descending")).Values,
        ["index_select"] = (x, a) => x[0].IndexSelect(a.Int("dim"), x[1]),
        ["gather"] = (x, a) => x[0].Gather(a.Int("dim"), x[1]),
        ["where"] = (x, _) => Tensor.Where(x[0] > 0, x[1], x[2]),
        ["masked_fill"] = (x, a) => x[0].MaskedFill(x[1] > 0, a.Float("value")),
        ["embedding"] = (x, a) => x[0].Embedding(x[1], a.Int("padding_idx", -1)),

        ["conv1d"] = (x, a) => x[0].Conv1d(x[1], At(x, 2), a.Int("stride", 1), a.Int("padding"), a.Int("dilation", 1), a.Int("groups", 1)),
        ["conv2d"] = (x, a) => x[0].Conv2d(x[1], At(x, 2), a.Pair("stride", 1), a.Pair("padding", 0), a.Pair("dilation", 1), a.Int("groups", 1)),
        ["conv_transpose2d"] = (x, a) => x[0].ConvTranspose2d(x[1], At(x, 2), a.Pair("stride", 1), a.Pair("padding", 0), a.Pair("output_padding", 0), a.Int("groups", 1), a.Pair("dilation", 1)),
        ["max_pool2d"] = (x, a) => x[0].MaxPool2d(a.Pair("kernel_size", 0), a.Has("stride") ? a.Pair("stride", 0) : null, a.Pair("padding", 0)),
        ["avg_pool2d"] = (x, a) => x[0].AvgPool2d(a.Pair("kernel_size", 0), a.Has("stride") ? a.Pair("stride", 0) : null, a.Pair("padding", 0)),
        ["adaptive_avg_pool2d"] = (x, a) => x[0].AdaptiveAvgPool2d(a.Pair("output_size", 1)),

        ["batch_norm"] = (x, a) => x[0].BatchNorm(null, null, At(x, 1), At(x, 2), a.Bool("training"), eps: a.Float("eps", 1e-5)),
        ["layer_norm"] = (x, a) => a.Has("normalized_shape")
            ? x[0].LayerNorm(a.Ints("normalized_shape"), At(x, 1), At(x, 2), a.Float("eps", 1e-5))
            : x[0].LayerNorm([x[0].Shape[^1]], At(x, 1), At(x, 2), a.Float("eps", 1e-5)),
        ["rms_norm"] = (x, a) => x[0].RmsNorm([x[0].Shape[^1]], At(x, 1), a.Has("eps") ? a.Float("eps") : null),
        ["group_norm"] = (x, a) => x[0].GroupNorm(a.Int("num_groups"), At(x, 1), At(x, 2), a.Float("eps", 1e-5)),
        ["scaled_dot_product_attention"] = (x, a) => x[0].ScaledDotProductAttention(x[1], x[2], x.Length > 3 ? x[3] > 0 : null, a.Bool("is_causal"), a.Has("scale") ? a.Float("scale") : null),

        ["cross_entropy"] = (x, a) => x[0].CrossEntropy(x[1], Reduced(a), At(x, 2), a.Int("ignore_index", -100), a.Float("label_smoothing")),
        ["nll_loss"] = (x, a) => x[0].NllLoss(x[1], Reduced(a), At(x, 2), a.Int("ignore_index", -100)),
        ["mse_loss"] = (x, a) => x[0].MseLoss(x[1], Reduced(a)),
        ["l1_loss"] = (x, a) => x[0].L1Loss(x[1], Reduced(a)),
        ["huber_loss"] = (x, a) => x[0].HuberLoss(x[1], Reduced(a), a.Float("delta", 1)),
        ["smooth_l1_loss"] = (x, a) => x[0].SmoothL1Loss(x[1], Reduced(a), a.Float("beta", 1)),
        ["binary_cross_entropy"] = (x, a) => x[0].BinaryCrossEntropy(x[1].Float(), Reduced(a)),
        ["binary_cross_entropy_with_logits"] = (x, a) => x[0].BinaryCrossEntropyWithLogits(x[1].Float(), Reduced(a), At(x, 2), At(x, 3)),
        ["kl_div"] = (x, a) => x[0].KlDiv(x[1], Reduced(a), a.Bool("log_target")),
    };

    public static IEnumerable<string> Names => Table.Keys;

    public static Func<Tensor[], Attributes, Tensor> Find(string name) =>
        Table.TryGetValue(name, out var operation) ? operation : throw new NotSupportedException($"there is no operation called {name}");

    private static Tensor? At(Tensor[] inputs, int index) => index < inputs.Length ? inputs[index] : null;

    private static Reduction Reduced(Attributes attributes) => attributes.Text("reduction", "mean") switch
    {
        "mean" => Reduction.Mean,
        "sum" => Reduction.Sum,
        "none" => Reduction.None,
        "batchmean" => Reduction.BatchMean,
        var other => throw new NotSupportedException($"reduction={other}"),
    };
}
