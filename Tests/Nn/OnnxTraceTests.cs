using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;
using DistTrain.Tests.Data;

namespace DistTrain.Tests.Nn;

/// <summary>Modules of a user's that say nothing of ONNX: exported by what their Forward computes, run in ONNX Runtime with two sizes of the batch; and what cannot be exported so.</summary>
public sealed class OnnxTraceTests
{
    private const int Batch = OnnxValue.Dynamic;

    private static readonly Tensor Fixed = Tensor.From([0.5f, -1f, 2f, 0.25f], new Shape(4));

    private static readonly Dictionary<string, (Func<Module> Make, int[] Input)> Cases = new()
    {
        ["the spam filter of the examples"] = (() => new DistTrain.Examples.SpamFilter.SpamModel(40), [Batch, 40]),
        ["layers, a residual and a constant"] = (() => Of(new Linear(4, 4), (x, layer) => (layer.Forward(x).Relu() + x) * Fixed - 0.5f), [Batch, 4]),
        ["weights of its own"] = (() => new Own(), [Batch, 3, 4]),
        ["an image, flattened by its batch"] = (() => Of(new Conv2d(2, 3, 3, padding: 1), (x, layer) => layer.Forward(x).MaxPool2d(2).Reshape(x.Shape[0], -1)), [Batch, 2, 6, 4]),
        ["heads of attention by hand"] = (() => Of(new Linear(6, 18), (x, layer) => Heads(layer.Forward(x))), [Batch, 5, 6]),
        ["a sequence step by step"] = (() => Of(new GRU(4, 3, batchFirst: true), (x, layer) => layer.Forward(x).Select(1, -1)), [Batch, 5, 4]),
        ["a sequence turned to time first, and back"] = (() => Of(new LSTM(4, 3, numLayers: 2), (x, layer) => layer.Forward(x.Transpose(0, 1) * 2f).Transpose(0, 1).Relu()), [Batch, 5, 4]),
        ["the last of a sequence with time first"] = (() => Of(new GRU(4, 3, bidirectional: true), (x, layer) => layer.Forward(x).Select(0, -1)), [5, Batch, 4]),
        ["states given and taken"] = (() => Of(new LSTM(4, 3, batchFirst: true), (x, layer) => ((LSTM)layer).Forward(x, null) is var (output, hidden, cell) ? output.Select(1, 0) + hidden.Select(0, 0) + cell.Select(0, 0) : x), [Batch, 3, 4]),
        ["a state of zeros for each sample"] = (() => Of(new Linear(6, 2), (x, layer) => State(x, (Linear)layer)), [Batch, 3, 4]),
        ["words, averaged"] = (() => Of(new Embedding(9, 4), (x, layer) => layer.Forward(x).Mean(1)), [Batch, 5]),
        ["parts, cut and joined"] = (() => Plain(x => Tensor.Cat([x.Narrow(1, 2, 3), x.Slice(1, 0, 6, 2) * 2f, x.Select(2, 1).Unsqueeze(2).Expand(x.Shape[0], 6, 5).Narrow(1, 0, 1)], 1)), [Batch, 6, 5]),
        ["stacked"] = (() => Plain(x => Tensor.Stack([x.Sin(), x.Cos(), x.Abs()], 1).Permute(0, 2, 1)), [Batch, 4]),
        ["masks of what it sees"] = (() => Plain(x => Tensor.Where(x.Gt(0.5f).LogicalAnd(x.Lt(x.Mean(1, keepDim: true) + 2f)), x.Square(), x.MaskedFill(x.Le(-1f).LogicalNot(), 3f))), [Batch, 6]),
        ["comparisons as numbers"] = (() => Plain(x => x.Ge(0f).Float() + x.Ne(x.Amax(1, keepDim: true)).Float() * 2f + x.Eq(x.Amin(1, keepDim: true)).Float()), [Batch, 6]),
        ["triangles"] = (() => Plain(x => x.Tril() + x.Triu(1) * 2f), [Batch, 4, 4]),
        ["reductions"] = (() => Plain(x => Tensor.Cat([x.Sum(2), x.Mean(2), x.Amax(2), x.Amin(2), x.Var(2), x.Std([2]), x.LogSumExp(2), x.Norm(2), x.Scale(0.3f).Prod(2), x.Sum([1, 2], keepDim: true).Squeeze(2)], 1)), [Batch, 3, 5]),
        ["over the batch"] = (() => Plain(x => (x - x.Mean(0, keepDim: true)) / (x.Sum() * 0.01f + 9f) + x.Amax([0])), [Batch, 4]),
        ["functions"] = (() => Plain(x => Tensor.Cat([x.Exp(), x.Abs().AddScalar(1f).Log(), x.Abs().Sqrt(), x.Square().AddScalar(1f).Rsqrt(), x.Square().AddScalar(1f).Reciprocal(), x.Erf(), x.Pow(3f), x.Clamp(-0.5f), x.Clamp(max: 0.25f), x.Div(3f), -x, x.Abs().Pow(Fixed)], 1)), [Batch, 4]),
        ["activations"] = (() => Plain(x => Tensor.Cat([x.Relu(), x.LeakyRelu(0.3f), x.Elu(0.7f), x.Gelu(), x.Gelu(GeluApproximation.Tanh), x.Silu(), x.Mish(), x.Sigmoid(), x.LogSigmoid(), x.Tanh(), x.Softplus(2f), x.Hardtanh(-0.5f, 2f), x.Hardswish()], 1)), [Batch, 4]),
        ["softmax along each dimension"] = (() => Plain(x => x.Softmax(1) + x.LogSoftmax(2) + x.Transpose(1, 2).Softmax(-1).Transpose(1, 2)), [Batch, 3, 4]),
        ["two tensors"] = (() => Plain(x => x.Maximum(x.Flip(1)) + x.Minimum(Fixed) + x.Matmul2()), [Batch, 4]),
        ["running sums, padding, repeats"] = (() => Plain(x => Tensor.Cat([x.Cumsum(1), x.Pad([1, 2], 0.5f), x.Repeat(1, 2), x.Roll(1, 1)], 1)), [Batch, 4]),
        ["indices"] = (() => Plain(x => Tensor.Cat([x.IndexSelect(1, Tensor.From(3L, 0L, 3L)), x.Gather(1, x.Argmax(1, keepDim: true)), x.Argmin(1, keepDim: true).Float()], 1)), [Batch, 4]),
        ["einsum"] = (() => Plain(x => Tensor.Einsum("bij,bkj->bik", x, x * 0.5f)), [Batch, 3, 4]),
        ["attention with masks"] = (() => Plain(x => x.ScaledDotProductAttention(x * 0.5f, x, isCausal: true) + x.ScaledDotProductAttention(x, x.Tanh(), Tensor.Ones(new Shape(5, 5)).Tril().To(DType.Bool), scale: 0.3f)), [Batch, 2, 5, 4]),
        ["normalizations"] = (() => Plain(x => x.LayerNorm([5]) + x.RmsNorm([4, 5], eps: 0.1f) + x.GroupNorm(2) + x.BatchNorm(Tensor.Full(new Shape(2), 0.5f), Tensor.Full(new Shape(2), 2f))), [Batch, 2, 4, 5]),
        ["one sample at a time"] = (() => Plain(x => x.Unsqueeze(1).Squeeze(1).Unflatten(1, 2, -1).Flatten(1)), [Batch, 4]),
        ["dropout inside, and twice the same layer"] = (() => Of(new Sequential(new Dropout(0.5f), new Linear(4, 4)), (x, layer) => layer.Forward(layer.Forward(x))), [Batch, 4]),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void What_Forward_computes_is_what_ONNX_Runtime_computes(string name)
    {
        using var folder = new TempFolder();
        RandomSource.ManualSeed(5);
        var (make, shape) = Cases[name];
        var module = make();
        string path = Path.Combine(folder.Folder, "model.onnx");
        bool isTokens = name == "words, averaged";
        OnnxExport.Save(path, module, isTokens ? DType.Int64 : DType.Float32, [.. shape]);
        Assert.All(module.Modules(), one => Assert.True(one.Training));
        OnnxRun.Same(path, name, module.Eval(), shape, isTokens ? 9 : 0);
    }

    [Fact]
    public void Weights_stand_under_the_names_of_the_state_dict()
    {
        var model = OnnxExport.Build(new Own(), DType.Float32, [Batch, 3, 4], null);
        Assert.Equal(["bias", "scale"], model.Graph.Initializer.Select(tensor => tensor.Name).Where(name => !name.StartsWith("constant", StringComparison.Ordinal)).Order());
    }

    public static TheoryData<string, string> Refusals => new()
    {
        { "by its values", "a tensor of shape [3, 4] depends on the input in a way that was not seen" },
        { "by one value", "a tensor of shape [] depends on the input in a way that was not seen" },
        { "by a random number", "a tensor of shape [4] depends on the input in a way that was not seen" },
        { "in place", "it changes a tensor in place that Scale uses" },
        { "by the number of samples", "it computes other operations for one batch size than for another" },
        { "by a factor of their number", "Scale has another factor for one batch size than for another" },
        { "a part of the batch", "takes a part of the batch" },
        { "the square of the batch", "a size is 9 for 3 samples and 25 for 5, expected a multiple of the batch" },
        { "dropout as an operation", "it draws random numbers in evaluation mode" },
        { "nothing of its input", "its output is not made of its input" },
        { "an error", "its Forward refuses an input of shape [3, 4]: Linear: input [3, 4] and weight" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void What_cannot_be_exported_is_one_line_that_names_the_module_and_says_why(string what, string expected)
    {
        using var folder = new TempFolder();
        Func<Tensor, Tensor> forward = what switch
        {
            "by its values" => x => Tensor.From([.. x.ToArray().Select(value => value * 2f)], x.Shape) + x,
            "by one value" => x => x * Tensor.Scalar(x.Sum().Item()),
            "by a random number" => x => x + Tensor.Randn(new Shape(4)),
            "in place" => x => x.Scale(2f) is var y ? y.Scale(3f) + y.MulInPlace(2f) : x,
            "by the number of samples" => x => x.Shape[0] > 4 ? x.Relu() : x,
            "by a factor of their number" => x => x.Scale(1f / x.Shape[0]),
            "a part of the batch" => x => x.Narrow(0, 1, x.Shape[0] - 1),
            "the square of the batch" => x => x.MatMul(x.T()).Flatten(),
            "dropout as an operation" => x => x.Dropout(0.5f, DistTrain.Simd.RandomKey.Create(1, 2)),
            "nothing of its input" => _ => Tensor.Ones(new Shape(2)),
            _ => x => x.Linear(Tensor.Ones(new Shape(2, 3))),
        };
        var error = Assert.Throws<UserErrorException>(() => OnnxExport.Save(Path.Combine(folder.Folder, "model.onnx"), new Sequential(new ReLU(), Plain(forward)), DType.Float32, [Batch, 4]));
        Assert.StartsWith("ONNX: 1: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Empty(Directory.GetFiles(folder.Folder));
    }

    private static Module Plain(Func<Tensor, Tensor> forward) => new With(new Identity(), (x, _) => forward(x));

    private static Module Of(Module layer, Func<Tensor, Module, Tensor> forward) => new With(layer, forward);

    private static Tensor Heads(Tensor projected)
    {
        var parts = projected.Reshape(projected.Shape[0], 5, 3, 2, 3).Permute(2, 0, 3, 1, 4);
        Tensor q = parts.Select(0, 0), k = parts.Select(0, 1), v = parts.Select(0, 2);
        var mixed = (q.MatMul(k.Transpose(-2, -1)) * 0.5f).Softmax(-1).MatMul(v);
        return mixed.Transpose(1, 2).Reshape(projected.Shape[0], 5, 6);
    }

    private static Tensor State(Tensor x, Linear layer)
    {
        var state = Tensor.Zeros(new Shape(x.Shape[0], 2));
        for (int t = 0; t < x.Shape[1]; t++) state = layer.Forward(Tensor.Cat([x.Select(1, t), state], 1)).Tanh();
        return state;
    }

    private sealed class With(Module layer, Func<Tensor, Module, Tensor> forward) : Module
    {
        private readonly Module layer = layer;

        public override Tensor Forward(Tensor input) => forward(input, layer);
    }

    private sealed class Own : Module
    {
        private readonly Parameter scale = new(Init.Uniform([4, 2], -1, 1));
        private readonly Parameter bias = new(Init.Uniform([2], -1, 1));

        public override Tensor Forward(Tensor input) => (input.MatMul(scale) + bias).Tanh();
    }
}

internal static class Shorthands
{
    /// <summary>x·xᵀ·x for one matrix of each sample.</summary>
    public static Tensor Matmul2(this Tensor x) => x.Unsqueeze(1).MatMul(x.Unsqueeze(2)).Squeeze(2).Expand(x.Shape[0], 4);
}
