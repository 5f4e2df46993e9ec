using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Nn.Models;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;
using DistTrain.Tests.Data;

namespace DistTrain.Tests.Nn;

/// <summary>Every module as an ONNX model in ONNX Runtime: the outputs of ours, for two sizes of the batch.</summary>
public class OnnxTests
{
    private const int Batch = OnnxValue.Dynamic;
    private const int Tokens = 11;

    private static readonly Dictionary<string, (Func<Module> Make, int[] Input)> Cases = new()
    {
        ["Linear"] = (() => new Linear(5, 3), [Batch, 5]),
        ["Linear of sequences"] = (() => new Linear(5, 3), [Batch, 4, 5]),
        ["Linear without bias"] = (() => new Linear(5, 3, bias: false), [Batch, 4, 5]),
        ["Conv1d"] = (() => new Conv1d(4, 6, 3, stride: 2, padding: 1, dilation: 2, groups: 2), [Batch, 4, 13]),
        ["Conv2d"] = (() => new Conv2d(4, 6, (3, 2), stride: (2, 1), padding: (1, 2), dilation: (1, 2), groups: 2), [Batch, 4, 9, 8]),
        ["Conv2d of any size"] = (() => new Conv2d(2, 3, 3, bias: false), [Batch, 2, Batch, Batch]),
        ["ConvTranspose2d"] = (() => new ConvTranspose2d(4, 6, (3, 2), stride: (2, 3), padding: 1, outputPadding: (1, 0), groups: 2), [Batch, 4, 5, 6]),
        ["ConvTranspose2d with dilation"] = (() => new ConvTranspose2d(2, 3, 3, dilation: 2, bias: false), [Batch, 2, 5, 6]),
        ["MaxPool2d"] = (() => new MaxPool2d(3, 2, 1), [Batch, 2, 9, 8]),
        ["AvgPool2d"] = (() => new AvgPool2d((3, 2), 2, 1), [Batch, 2, 9, 8]),
        ["AdaptiveAvgPool2d"] = (() => new AdaptiveAvgPool2d((3, 4)), [Batch, 2, 7, 9]),
        ["AdaptiveAvgPool2d to one"] = (() => new AdaptiveAvgPool2d(1), [Batch, 2, Batch, Batch]),
        ["BatchNorm1d"] = (() => Trained(new BatchNorm1d(5)), [Batch, 5]),
        ["BatchNorm1d of sequences"] = (() => Trained(new BatchNorm1d(5, affine: false)), [Batch, 5, 4]),
        ["BatchNorm1d without statistics"] = (() => new BatchNorm1d(5, trackRunningStats: false), [Batch, 5, 4]),
        ["BatchNorm2d"] = (() => Trained(new BatchNorm2d(3)), [Batch, 3, 4, 5]),
        ["LayerNorm"] = (() => Spread(new LayerNorm(new Shape(3, 4))), [Batch, 2, 3, 4]),
        ["LayerNorm without weights"] = (() => new LayerNorm(4, elementwiseAffine: false), [Batch, 4]),
        ["RMSNorm"] = (() => Spread(new RMSNorm(new Shape(3, 4))), [Batch, 3, 4]),
        ["RMSNorm with epsilon"] = (() => new RMSNorm(4, eps: 0.1, elementwiseAffine: false), [Batch, 4]),
        ["GroupNorm"] = (() => Spread(new GroupNorm(2, 6)), [Batch, 6, 4, 5]),
        ["GroupNorm of vectors"] = (() => new GroupNorm(3, 6, affine: false), [Batch, 6]),
        ["Embedding"] = (() => new Embedding(Tokens, 4, paddingIdx: 2), [Batch, 5]),
        ["Dropout"] = (() => new Dropout(0.5f), [Batch, 5]),
        ["MultiheadAttention"] = (() => new MultiheadAttention(8, 2, batchFirst: true), [Batch, Batch, 8]),
        ["MultiheadAttention, time first"] = (() => new MultiheadAttention(8, 4, dropout: 0.1f, bias: false), [Batch, 5, 8]),
        ["TransformerEncoderLayer"] = (() => new TransformerEncoderLayer(8, 2, 16, batchFirst: true), [Batch, Batch, 8]),
        ["TransformerEncoderLayer, norm first"] = (() => new TransformerEncoderLayer(8, 2, 16, activation: FeedForwardActivation.Gelu, normFirst: true), [Batch, 5, 8]),
        ["LSTM"] = (() => new LSTM(3, 5), [Batch, Batch, 3]),
        ["LSTM, time first"] = (() => new LSTM(3, 5, numLayers: 2, bidirectional: true), [4, Batch, 3]),
        ["LSTM of two layers and directions"] = (() => new LSTM(3, 5, numLayers: 2, batchFirst: true, dropout: 0.3f, bidirectional: true), [Batch, 4, 3]),
        ["GRU"] = (() => new GRU(3, 5, bias: false), [Batch, Batch, 3]),
        ["GRU, time first"] = (() => new GRU(3, 5), [4, Batch, 3]),
        ["GRU of two layers and directions"] = (() => new GRU(3, 5, numLayers: 2, batchFirst: true, bidirectional: true), [Batch, 4, 3]),
        ["Flatten"] = (() => new Flatten(), [Batch, 2, 3, 4]),
        ["Flatten of the middle"] = (() => new Flatten(1, 2), [Batch, 2, 3, 4]),
        ["Flatten of the start"] = (() => new Flatten(0, 1), [Batch, 2, 3]),
        ["Identity"] = (() => new Identity(), [Batch, 2]),
        ["ReLU"] = (() => new ReLU(), [Batch, 7]),
        ["LeakyReLU"] = (() => new LeakyReLU(0.2f), [Batch, 7]),
        ["ELU"] = (() => new ELU(1.5f), [Batch, 7]),
        ["GELU"] = (() => new GELU(), [Batch, 7]),
        ["GELU by tanh"] = (() => new GELU(GeluApproximation.Tanh), [Batch, 7]),
        ["SiLU"] = (() => new SiLU(), [Batch, 7]),
        ["Mish"] = (() => new Mish(), [Batch, 7]),
        ["Softplus"] = (() => new Softplus(), [Batch, 7]),
        ["Softplus with threshold"] = (() => new Softplus(2f, 1.5f), [Batch, 7]),
        ["Hardtanh"] = (() => new Hardtanh(-0.5f, 0.25f), [Batch, 7]),
        ["Hardswish"] = (() => new Hardswish(), [Batch, 7]),
        ["Sigmoid"] = (() => new Sigmoid(), [Batch, 7]),
        ["LogSigmoid"] = (() => new LogSigmoid(), [Batch, 7]),
        ["Tanh"] = (() => new Tanh(), [Batch, 7]),
        ["Softmax"] = (() => new Softmax(1), [Batch, 7, 2]),
        ["LogSoftmax"] = (() => new LogSoftmax(), [Batch, 7]),
        ["Sequential"] = (() => new Sequential(new Linear(7, 4), new ReLU(), new Dropout(), new Linear(4, 2), new Softmax()), [Batch, 7]),
        ["shared weights"] = (() => new Tied(), [Batch, 4]),
        ["mlp"] = (() => new Mlp(new ModelOptions([1, 6, 5], 4, 0.1f), 8, 7), [Batch, 1, 6, 5]),
        ["cnn"] = (() => NamedModels.Find("cnn").Build(new ModelOptions([1, 12, 14], 10, 0.1f)), [Batch, 1, 12, 14]),
        ["cnn-bn"] = (() => NamedModels.Find("cnn-bn").Build(new ModelOptions([12, 12], 10)), [Batch, 12, 12]),
        ["char-gpt"] = (() => new CharGpt(Tokens, context: 16, layers: 2, heads: 2, width: 16), [Batch, Batch]),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void ONNX_Runtime_computes_what_the_module_computes_for_any_batch(string name)
    {
        using var folder = new TempFolder();
        RandomSource.ManualSeed(17);
        var (make, shape) = Cases[name];
        var module = make().Eval();
        bool isTokens = name is "Embedding" or "char-gpt";
        string path = Path.Combine(folder.Folder, "model.onnx");
        OnnxExport.Save(path, module, isTokens ? DType.Int64 : DType.Float32, [.. shape]);

        OnnxRun.Same(path, name, module, shape, isTokens ? Tokens : 0);
    }

    /// <summary>Inside of a module that says nothing of itself, so that what its Forward computes is exported.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void So_it_does_for_a_module_that_is_exported_by_what_it_computes(string name)
    {
        using var folder = new TempFolder();
        RandomSource.ManualSeed(17);
        var (make, shape) = Cases[name];
        var module = new Plain(make()).Eval();
        bool isTokens = name is "Embedding" or "char-gpt";
        int open = Array.IndexOf(shape, Batch);
        int[] sizes = [.. shape.Select((size, i) => size == Batch && i != open ? 6 + i : size)];
        string path = Path.Combine(folder.Folder, "model.onnx");
        OnnxExport.Save(path, module, isTokens ? DType.Int64 : DType.Float32, [.. sizes]);

        OnnxRun.Same(path, name, module, sizes, isTokens ? Tokens : 0);
    }

    [Fact]
    public void Every_module_of_the_library_is_among_the_cases()
    {
        var tested = Cases.Values.SelectMany(c => c.Make().Modules()).Select(module => module.GetType()).ToHashSet();
        var all = typeof(Module).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Module)) && !type.IsAbstract && type.Namespace!.StartsWith("DistTrain.Nn", StringComparison.Ordinal));
        // A list of modules computes nothing by itself; losses are not part of a model.
        Assert.Equal([typeof(ModuleList)], all.Where(type => !tested.Contains(type) && !type.IsSubclassOf(typeof(Loss))));
    }

    [Fact]
    public void Weights_stand_under_their_names_and_only_once()
    {
        var model = OnnxExport.Build(new Tied(), DType.Float32, [Batch, 4], new Dictionary<string, string> { ["key"] = "value" });
        Assert.Equal(["first.bias", "first.weight"], model.Graph.Initializer.Select(tensor => tensor.Name).Order());
        Assert.Equal(("key", "value"), (model.MetadataProps[0].Key, model.MetadataProps[0].Value));
    }

    [Theory]
    [InlineData(typeof(Plain), "ONNX: 1: Plain has no ToOnnx, so it is exported by what its Forward computes, which takes an input of which no size but the batch's is open; it was 0.Conv_0.output [?, 1, ?, ?]. Override ToOnnx, or give the sizes")]
    [InlineData(typeof(AdaptiveAvgPool2d), "ONNX: 1: AdaptiveAvgPool2d(2) cannot be exported for images whose size is not known, 0.Conv_0.output [?, 1, ?, ?]")]
    public void A_module_that_cannot_be_exported_is_named(Type type, string expected)
    {
        using var folder = new TempFolder();
        var second = type == typeof(AdaptiveAvgPool2d) ? new AdaptiveAvgPool2d(2) : (Module)new Plain(new ReLU());
        string path = Path.Combine(folder.Folder, "model.onnx");
        var error = Assert.Throws<UserErrorException>(() => OnnxExport.Save(path, new Sequential(new Conv2d(1, 1, 1), second), DType.Float32, [Batch, 1, Batch, Batch]));
        Assert.Equal(expected, error.Message);
        Assert.Empty(Directory.GetFiles(folder.Folder));
    }

    /// <summary>A normalization that has seen data.</summary>
    private static BatchNorm Trained(BatchNorm norm)
    {
        Spread(norm);
        int channels = norm.RunningMean!.Shape[0];
        Tensor.Randn(new Shape(channels)).CopyTo(norm.RunningMean.Span);
        Tensor.Rand(new Shape(channels)).CopyTo(norm.RunningVar!.Span);
        return norm;
    }

    /// <summary>Weights that are not all 1 and 0.</summary>
    private static Module Spread(Module module)
    {
        foreach (var parameter in module.Parameters()) Tensor.Randn(parameter.Shape).CopyTo(parameter.Span);
        return module;
    }

    /// <summary>A user's module with a weight that is used twice, written by the graph's operations.</summary>
    private sealed class Tied : Module
    {
        private readonly Linear first = new(4, 4);
        private readonly Linear again;

        public Tied() => again = first;

        public override Tensor Forward(Tensor input) => again.Forward(first.Forward(input).Relu()) + input;

        public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Add(graph.Apply(again, graph.Relu(graph.Apply(first, input))), input);
    }

    private sealed class Plain(Module inner) : Module
    {
        private readonly Module inner = inner;

        public override Tensor Forward(Tensor input) => inner.Forward(input);
    }
}
