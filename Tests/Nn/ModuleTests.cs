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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Padding_and_causality_go_together_in_training_and_in_evaluation(bool training)
    {
        RandomSource.ManualSeed(6);
        var attention = new MultiheadAttention(8, 2, dropout: training ? 1e-7f : 0f, batchFirst: true);
        var input = Tensor.Randn([2, 4, 8]);
        var padding = Tensor.From([false, false, false, true, false, false, true, true], [2, 4]);
        // The same as one mask that says both.
        var triangle = Tensor.Ones([4, 4]).Triu(1).Bool();
        float[] Of(Tensor? mask, Tensor? keys, bool causal) => attention.Train(training) is MultiheadAttention layer ? layer.Forward(input, input, input, mask, keys, causal).ToArray() : [];
        var expected = Of(triangle, padding, false);
        Assert.All(expected, v => Assert.True(float.IsFinite(v)));
        Assert.Equal(expected, Of(null, padding, true));
        Assert.Equal(expected, Of(triangle, padding, true));
        Assert.NotEqual(expected, Of(null, padding, false));
        float[] causal = Of(triangle, null, false), alone = Of(null, null, true);
        for (int i = 0; i < causal.Length; i++) Assert.Equal(causal[i], alone[i], 1e-5f);
    }

    [Fact]
    public void Threads_may_run_one_recurrent_module_at_a_time_and_it_holds_nothing_of_a_run()
    {
        RandomSource.ManualSeed(7);
        var lstm = new LSTM(3, 4, bidirectional: true);
        Tensor[] inputs = [.. Enumerable.Range(1, 4).Select(time => Tensor.Randn([6 + time, 2, 3]))];
        float[][] expected = [.. inputs.Select(input => lstm.Forward(input).ToArray())];
        for (int round = 0; round < 20; round++)
        {
            var outputs = new float[inputs.Length][];
            Parallel.For(0, inputs.Length, i => outputs[i] = lstm.Forward(inputs[i]).ToArray());
            Assert.Equal(expected, outputs);
        }
        var output = Output();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(output.IsAlive, "something of the run is still held");
        var error = Assert.Throws<ArgumentException>(() => lstm.Forward(inputs[0], (Tensor.Zeros([2, 2, 4]), Tensor.Zeros([2, 2, 5]))));
        Assert.Contains("the initial cell state has shape [2, 2, 5], expected [2, 2, 4]", error.Message, StringComparison.Ordinal);

        // A frame of its own, so that nothing here holds the output.
        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        WeakReference Output() => new(lstm.Forward(inputs[0], null).Hidden.Node);
    }

    [Fact]
    public void Windows_that_are_none_are_refused_by_the_layer_and_by_the_operation()
    {
        Assert.Equal("Conv2d: the stride was 0, expected 1 or more", Message(() => new Conv2d(1, 1, 3, stride: 0)));
        Assert.Equal("Conv2d: the dilation was (1, 0), expected 1 or more", Message(() => new Conv2d(1, 1, 3, dilation: (1, 0))));
        Assert.Equal("Conv1d: the padding was -1, expected 0 or more", Message(() => new Conv1d(1, 1, 3, padding: -1)));
        Assert.Equal("ConvTranspose2d: the stride was 0, expected 1 or more", Message(() => new ConvTranspose2d(1, 1, 3, stride: 0)));
        Assert.Contains("strides, dilations and groups must be at least 1", Message(() => Tensor.Ones([1, 1, 4, 4]).Conv2d(Tensor.Ones([1, 1, 2, 2]), stride: 0)), StringComparison.Ordinal);
        Assert.Contains("strides must be at least 1", Message(() => new MaxPool2d(2, stride: 0).Forward(Tensor.Ones([1, 1, 4, 4]))), StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_are_one_for_each_row_of_outputs_even_where_their_number_would_fit()
    {
        Tensor output = Tensor.Ones([2, 3, 3]), labels = Tensor.From(new long[6], [3, 2]);
        Assert.Equal("CrossEntropyLoss: output [2, 3, 3] and target [3, 2], expected [*, C] and [*], the classes last", Message(() => new CrossEntropyLoss().Compute(output, labels)));
        // Classes second, as PyTorch has them.
        Assert.Contains("the classes last; Transpose or Permute", Message(() => new NLLLoss().Compute(Tensor.Ones([2, 3, 4]), Tensor.From(new long[8], [2, 4]))), StringComparison.Ordinal);
        Assert.Equal(MathF.Log(3), new CrossEntropyLoss().Compute(output, labels.T()).Item(), 1e-6f);
        var probabilities = Tensor.Full([2, 3, 3], 1f / 3);
        Assert.Equal(MathF.Log(3), new CrossEntropyLoss().Compute(output, probabilities).Item(), 1e-6f);
        Assert.Equal(6, new CrossEntropyLoss(ignoreIndex: -1).Denominator(probabilities));
    }

    [Fact]
    public void A_member_that_is_set_later_is_found_and_one_that_is_replaced_is_forgotten()
    {
        var model = new Late();
        Assert.Empty(model.Parameters());
        model.Head = new Linear(2, 3);
        Assert.Equal(["head.weight", "head.bias"], NamesOf(model));
        model.Eval();
        Assert.False(model.Head.Training);
        var old = model.Head;
        model.Body = new Linear(2, 2, bias: false);
        model.Head = new Linear(2, 5);
        Assert.Equal(["head.weight", "head.bias", "body.weight"], NamesOf(model));
        Assert.DoesNotContain(old.Weight, model.Parameters());
        model.Head = null;
        Assert.Equal(["body.weight"], NamesOf(model));
    }

    [Fact]
    public void Initial_values_are_those_of_their_distributions()
    {
        RandomSource.ManualSeed(8);
        // [O, C, 3, 3]: 36 come in to each output, 72 go out.
        Shape shape = [8, 4, 3, 3];
        foreach (var (values, bound) in (ReadOnlySpan<(Tensor, float)>)[(Init.XavierUniform(shape), MathF.Sqrt(6f / 108)), (Init.KaimingUniform(shape), MathF.Sqrt(6f / 36))])
            Assert.InRange(values.ToArray().Max(MathF.Abs), 0.97f * bound, bound);
        foreach (var (values, deviation) in (ReadOnlySpan<(Tensor, float)>)[(Init.XavierNormal([40, 40, 3]), MathF.Sqrt(2f / 240)), (Init.KaimingNormal([40, 40, 3]), MathF.Sqrt(2f / 120))])
            Assert.Equal(deviation, values.Std().Item(), 0.05f * deviation);
        float[] cut = Init.TruncNormal([5000], mean: 0.1f, std: 0.5f, low: -0.3f, high: 0.2f).ToArray();
        Assert.All(cut, v => Assert.InRange(v, -0.3f, 0.2f));
        Assert.True(cut.Distinct().Count() > 4900);
        foreach (int[] sizes in (int[][])[[3, 2, 4], [6, 6], [9, 4]])
        {
            var matrix = Init.Orthogonal(new Shape(sizes), gain: 2f).Reshape(sizes[0], -1);
            var product = matrix.Shape[0] <= matrix.Shape[1] ? matrix.MatMul(matrix.T()) : matrix.T().MatMul(matrix);
            for (int i = 0; i < product.Numel; i++) Assert.Equal(i / product.Shape[0] == i % product.Shape[0] ? 4f : 0f, product.ToArray()[i], 1e-5f);
        }
        Assert.Contains("Init.TruncNormal", Message(() => Init.TruncNormal([3], std: 1f, low: 5f, high: 9f)), StringComparison.Ordinal);
        Assert.Equal("Init.XavierUniform: shape [3], expected two dimensions or more: [out, in, *]", Message(() => Init.XavierUniform([3])));
    }

    [Fact]
    public void A_batch_of_nothing_is_normalized_to_nothing_in_evaluation()
    {
        var norm = new BatchNorm2d(3);
        norm.Eval();
        var empty = norm.Forward(Tensor.Zeros([0, 3, 2, 2]));
        Assert.Equal([0, 3, 2, 2], empty.Shape.ToArray());
        empty.Sum().Backward();
        Assert.Equal([0f, 0f, 0f], norm.Weight!.Grad!.Value.ToArray());
    }

    private static string Message(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;

    private static IEnumerable<string> NamesOf(Module module) => module.StateDict().Keys;

    private sealed class Late : Module
    {
        public Linear? Body { get; set; }

        public Linear? Head { get; set; }
    }

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
