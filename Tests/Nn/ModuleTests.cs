using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Nn.Files;
using DistTrain.Nn.Models;
using DistTrain.Optim;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Nn;

public class ModuleTests
{
    /// <summary>Modules with an input each; integers up to the number given are drawn where there is one.</summary>
    public static TheoryData<string> Everything() => [.. Modules.Keys];

    private static readonly Dictionary<string, (Func<Module> Make, int[] Shape, int Tokens)> Modules = new()
    {
        ["mlp"] = (() => NamedModels.Find("mlp").Build(new ModelOptions([6, 5], 4, 0.1f)), [3, 6, 5], 0),
        ["cnn"] = (() => NamedModels.Find("cnn").Build(new ModelOptions([1, 12, 12], 4)), [3, 1, 12, 12], 0),
        ["cnn-bn"] = (() => NamedModels.Find("cnn-bn").Build(new ModelOptions([12, 12], 4, 0.1f)), [3, 12, 12], 0),
        ["char-gpt"] = (() => new CharGpt(11, 8, layers: 2, heads: 2, width: 16, dropout: 0.1f), [2, 8], 11),
        ["lstm"] = (() => new LSTM(5, 7, numLayers: 2, dropout: 0.1f, bidirectional: true), [4, 2, 5], 0),
        ["gru"] = (() => new GRU(5, 7, batchFirst: true), [2, 4, 5], 0),
        ["attention"] = (() => new MultiheadAttention(8, 2, dropout: 0.1f), [4, 2, 8], 0),
        ["encoder layer"] = (() => new TransformerEncoderLayer(8, 2, 16), [4, 2, 8], 0),
        ["norms"] = (() => new Sequential(new LayerNorm(6), new RMSNorm(6), new GroupNorm(2, 4), new BatchNorm1d(4)), [5, 4, 6], 0),
        ["images"] = (() => new Sequential(new ConvTranspose2d(2, 4, 3), new AvgPool2d(2), new Conv2d(4, 2, 3, padding: 1), new MaxPool2d(2), new AdaptiveAvgPool2d(1)), [2, 2, 8, 8], 0),
        ["activations"] = (() => new Sequential(
            new LeakyReLU(), new ELU(), new GELU(), new SiLU(), new Mish(), new Hardswish(), new Softplus(), new Tanh(), new Hardtanh(), new Sigmoid(), new LogSigmoid(), new Softmax(), new LogSoftmax(), new Linear(6, 6)), [4, 6], 0),
    };

    [Theory]
    [MemberData(nameof(Everything))]
    public void A_step_in_an_arena_allocates_nothing(string name)
    {
        var (make, shape, tokens) = Modules[name];
        RandomSource.ManualSeed(1);
        var model = make();
        model.AssignNumbers();
        var flat = new FlatModel(model);
        var (weights, gradient, arena) = (flat.CopyValues(), new FloatBuffer(flat.Layout.Length), new StepArena());
        var input = tokens > 0 ? Tensor.From(Enumerable.Range(0, new Shape(shape).Numel).Select(i => (long)(i * 7 % tokens)).ToArray(), new Shape(shape)) : Init.Normal(new Shape(shape));
        for (int i = 0; i < 30; i++) Step(i);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 5; i++) Step(i);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Contains(gradient.Span.ToArray(), g => g != 0f);
        Assert.All(gradient.Span.ToArray(), g => Assert.True(float.IsFinite(g)));

        void Step(long step)
        {
            flat.Bind(weights, gradient);
            RandomSource.EnterPiece(1, step, 0);
            using var scope = arena.BeginStep();
            model.Forward(input).Square().Mean().Backward();
        }
    }

    [Fact]
    public void A_module_prints_as_a_tree()
    {
        var model = new Sequential(new Conv2d(1, 4, 3, padding: 1), new ModuleList(new Linear(2, 3), new Dropout(0.25f)), new BatchNorm2d(4));
        Assert.Equal(
            """
            Sequential(
              (0): Conv2d(1, 4, 3, stride: 1, padding: 1)
              (1): ModuleList(
                (0): Linear(2, 3)
                (1): Dropout(0.25)
              )
              (2): BatchNorm2d(4)
            )
            """, model.ToString());
    }

    [Fact]
    public void State_dict_names_are_PyTorchs()
    {
        Assert.Equal(
            ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked", "4.weight", "4.bias"],
            NamesOf(NamedModels.Find("cnn-bn").Build(new ModelOptions([28, 28], 10))).Where(n => n[0] is '0' or '1' or '4').Where(n => n[1] == '.').OrderBy(n => n[0]));
        Assert.Equal(
            ["tok.weight", "pos.weight", "blocks.0.ln1.weight", "blocks.0.ln1.bias", "blocks.0.qkv.weight", "blocks.0.qkv.bias", "blocks.0.proj.weight", "blocks.0.proj.bias", "blocks.0.ln2.weight", "blocks.0.ln2.bias",
            "blocks.0.up.weight", "blocks.0.up.bias", "blocks.0.down.weight", "blocks.0.down.bias", "ln.weight", "ln.bias", "head.weight", "head.bias"], NamesOf(new CharGpt(layers: 1)));
        Assert.Equal(
            ["self_attn.in_proj_weight", "self_attn.in_proj_bias", "self_attn.out_proj.weight", "self_attn.out_proj.bias", "linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias", "norm1.weight", "norm1.bias",
            "norm2.weight", "norm2.bias"], NamesOf(new TransformerEncoderLayer(8, 2)));
    }

    [Theory]
    [InlineData("mlp", 535_818)]
    [InlineData("mlp-wide", 5_824_522)]
    [InlineData("cnn", 225_034)]
    [InlineData("char-gpt", 818_241)]
    public void Named_models_have_as_many_parameters_as_PyTorchs(string name, int expected) =>
        Assert.Equal(expected, NamedModels.Find(name).Build(new ModelOptions(name == "char-gpt" ? [64] : [28, 28], name == "char-gpt" ? 65 : 10)).Parameters().Sum(p => p.Numel));

    [Fact]
    public void A_causal_model_does_not_look_ahead()
    {
        var model = new CharGpt(7, 6, layers: 2, heads: 2, width: 8);
        var a = model.Forward(Tensor.From([1L, 2, 3, 4, 5, 6], [1, 6])).ToArray();
        var b = model.Forward(Tensor.From([1L, 2, 3, 4, 0, 0], [1, 6])).ToArray();
        Assert.Equal(a[..(4 * 7)], b[..(4 * 7)]);
        Assert.NotEqual(a[(4 * 7)..], b[(4 * 7)..]);
    }

    [Fact]
    public void Tied_weights_are_one_parameter_under_two_names_and_train_by_the_sum_of_both_gradients()
    {
        RandomSource.ManualSeed(2);
        var model = new Tied();
        Assert.Equal(["tok.weight", "head.weight"], NamesOf(model));
        Assert.Single(model.Parameters());
        float[] start = model.Parameters()[0].Value.ToArray();
        var optimizer = new SGD(model.Parameters(), 0.5);
        model.Forward(Tensor.From([1L, 2, 4])).CrossEntropy(Tensor.From([2L, 0, 3])).Backward();
        optimizer.Step();

        // The same with two parameters of the same values: their gradients add up.
        var (table, head) = (new Parameter(Tensor.From(start, [5, 4])), new Parameter(Tensor.From(start, [5, 4])));
        Tensor.From([1L, 2, 4]).Embedding(table).Linear(head).CrossEntropy(Tensor.From([2L, 0, 3])).Backward();
        var (g1, g2) = (table.Grad!.Value.ToArray(), head.Grad!.Value.ToArray());
        float[] now = model.Parameters()[0].Value.ToArray();
        for (int i = 0; i < start.Length; i++) Assert.Equal(start[i] - 0.5f * (g1[i] + g2[i]), now[i], 1e-6f);
    }

    [Theory]
    [InlineData("tok.weight")]
    [InlineData("head.weight")]
    public void A_file_stores_tied_weights_once_and_loading_accepts_either_name(string name)
    {
        RandomSource.ManualSeed(2);
        var model = new Tied();
        string path = Path.Combine(Path.GetTempPath(), $"tied-{Guid.NewGuid():N}.safetensors");
        try
        {
            SafeTensors.Save(path, model);
            var stored = SafeTensors.Load(path);
            var only = Assert.Single(stored);
            var other = new Tied();
            other.LoadStateDict(new Dictionary<string, Tensor> { [name] = only.Value });
            Assert.Equal(model.Parameters()[0].Value.ToArray(), other.Parameters()[0].Value.ToArray());
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Bad_sizes_are_refused_by_name()
    {
        Assert.Equal("Conv2d: 3 and 4 channels in 2 groups, expected 1 or more, and groups that divide both", Message(() => new Conv2d(3, 4, 3, groups: 2)));
        Assert.Equal("MultiheadAttention: 3 heads of 8 features, expected a divisor", Message(() => new MultiheadAttention(8, 3)));
        Assert.Equal("BatchNorm2d(3): input [2, 3], expected [N, C, H, W] with C = 3", Message(() => new BatchNorm2d(3).Forward(Tensor.Ones([2, 3]))));
        Assert.Equal("LSTM(3, 4, num_layers: 1): input [2, 5, 7], expected [T, N, in] with in = 3", Message(() => new LSTM(3, 4).Forward(Tensor.Ones([2, 5, 7]))));
        Assert.Equal("CharGpt: input [1, 9], expected [N, T] with T up to 8", Message(() => new CharGpt(5, 8, 1, 1, 4).Forward(Tensor.From(new long[9], [1, 9]))));
        Assert.Equal("MSELoss: output [4, 2] and target [4], expected equal shapes", Message(() => new MSELoss().Compute(Tensor.Ones([4, 2]), Tensor.Ones([4]))));
        Assert.Equal("CrossEntropyLoss: the weight of class 1 was NaN, expected a finite number of 0 or more", Message(() => new CrossEntropyLoss([1f, float.NaN])));
    }

    private static string Message(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;

    private static IEnumerable<string> NamesOf(Module module) => module.StateDict().Keys;

    private sealed class Tied : Module
    {
        private readonly Embedding tok = new(5, 4);
        private readonly Head head;

        public Tied() => head = new Head(tok.Weight);

        public override Tensor Forward(Tensor input) => head.Forward(tok.Forward(input));
    }

    private sealed class Head(Parameter weight) : Module
    {
        private readonly Parameter weight = weight;

        public override Tensor Forward(Tensor input) => input.Linear(weight);
    }
}
