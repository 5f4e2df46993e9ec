using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Autograd;

/// <summary>Recomputing in backward gives the gradients of keeping everything, with less memory.</summary>
public class CheckpointTests
{
    private readonly Parameter weight = new(Tensor.From([.. Enumerable.Range(0, 64).Select(i => MathF.Sin(i) * 0.3f)], [8, 8]));
    private readonly Parameter bias = new(Tensor.From([.. Enumerable.Range(0, 8).Select(i => 0.1f * i)], [8]));
    private readonly Parameter input = new(Tensor.From([.. Enumerable.Range(0, 40).Select(i => MathF.Cos(i))], [5, 8]));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradients_are_those_of_keeping_everything_bit_for_bit(bool inArena)
    {
        var plain = Gradients(inArena, (f, x) => f(x));
        var checkpointed = Gradients(inArena, Checkpoint.Run);
        Assert.Equal(plain, checkpointed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Checkpoints_inside_of_checkpoints_work(bool inArena)
    {
        var plain = Gradients(inArena, (f, x) => f(x));
        var nested = Gradients(inArena, (f, x) => Checkpoint.Run(y => Checkpoint.Run(f, y), x));
        Assert.Equal(plain, nested);
    }

    [Fact]
    public void Three_steps_with_dropout_and_batch_norm_end_in_the_same_weights_and_statistics()
    {
        var plain = Trained((module, x) => module.Forward(x));
        var checkpointed = Trained((module, x) => Checkpoint.Run(module.Forward, x));
        foreach (var (name, value) in plain) Assert.Equal(value, checkpointed[name]);

        static Dictionary<string, float[]> Trained(Func<Module, Tensor, Tensor> call)
        {
            RandomSource.ManualSeed(11);
            var model = new Sequential(new Linear(6, 8), new BatchNorm1d(8), new Dropout(0.4f), new ReLU(), new Linear(8, 3));
            var optimizer = new SGD(model.Parameters(), learningRate: 0.1);
            for (int step = 0; step < 3; step++)
            {
                optimizer.ZeroGrad();
                call(model, Tensor.Randn([5, 6])).CrossEntropy(Tensor.From(0L, 1L, 2L, 1L, 0L)).Backward();
                optimizer.Step();
            }
            return model.StateDict().ToDictionary(p => p.Key, p => p.Value.ToArray());
        }
    }

    [Fact]
    public void Random_tensors_are_drawn_once()
    {
        foreach (var noise in (Func<Tensor>[])[() => Tensor.Randn([5, 8]), () => Tensor.Rand([5, 8]), () => Tensor.Randint(1, 9, [5, 8]).To(DType.Float32), () => Tensor.Randperm(40).To(DType.Float32).Reshape(5, 8)])
        {
            input.ZeroGrad();
            RandomSource.ManualSeed(2);
            var y = Checkpoint.Run(x => x * noise(), input);
            y.Sum().Backward();
            var after = Tensor.Randn([3]).ToArray();
            RandomSource.ManualSeed(2);
            Assert.Equal(noise().ToArray(), input.Grad!.Value.ToArray());
            Assert.Equal(Tensor.Randn([3]).ToArray(), after);
        }
    }

    [Fact]
    public void A_listener_hears_of_a_parameter_once_and_last_even_if_it_is_used_inside_and_outside()
    {
        weight.Value.Node.ParameterIndex = 0;
        bias.Value.Node.ParameterIndex = 1;
        var listener = new Listener(weight);
        Engine.Listener = listener;
        try
        {
            var hidden = Checkpoint.Run(Layer, input);
            hidden.Linear(weight).Sum().Backward();
        }
        finally
        {
            Engine.Listener = null;
        }
        Assert.Equal([1, 0], listener.Heard.Order().Reverse());
        Assert.Equal(weight.Grad!.Value.ToArray(), listener.WeightGradient);
    }

    [Fact]
    public void A_step_holds_less_memory()
    {
        Assert.True(Capacity(Checkpoint.Run) < 0.5 * Capacity((f, x) => f(x)));

        static long Capacity(Func<Func<Tensor, Tensor>, Tensor, Tensor> run)
        {
            var weight = new Parameter(Tensor.Full([64, 64], 0.01f));
            var arena = new StepArena();
            using var step = arena.BeginStep();
            var x = Tensor.Ones([64, 64]);
            for (int block = 0; block < 8; block++)
                x = run(
                    y =>
                    {
                        for (int i = 0; i < 8; i++) y = y.Linear(weight).Tanh();
                        return y;
                    },
                    x);
            x.Sum().Backward();
            return arena.Bytes;
        }
    }

    [Fact]
    public void A_checkpointed_step_allocates_nothing()
    {
        var arena = new StepArena();
        Func<Tensor, Tensor> layer = Layer;
        for (int i = 0; i < 3; i++) Step();
        long least = long.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Step();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.Equal(0, least);

        void Step()
        {
            using var step = arena.BeginStep();
            Checkpoint.Run(layer, input).Sum().Backward();
        }
    }

    [Fact]
    public void A_weight_that_was_changed_before_the_repetition_is_an_error()
    {
        var loss = Checkpoint.Run(Layer, input).Sum();
        using (GradMode.NoGrad()) weight.Value.MulInPlace(2f);
        var error = Assert.Throws<InvalidOperationException>(() => loss.Backward());
        Assert.Contains("Checkpoint needs a tensor of shape [8, 8] that was changed in place", error.Message);
    }

    private Tensor Layer(Tensor x) => (x.Linear(weight, bias).Gelu() + bias).Dropout(0.3f, RandomKey.Create(7, 1)).Softmax(-1);

    private float[][] Gradients(bool inArena, Func<Func<Tensor, Tensor>, Tensor, Tensor> run)
    {
        foreach (var parameter in (Parameter[])[weight, bias, input]) parameter.ZeroGrad();
        var step = inArena ? new StepArena().BeginStep() : default(StepArena.Step?);
        ulong draws = 0;
        // The key would be another one in the second call, as a module's call number is.
        Func<Tensor, Tensor> function = x => (x.Linear(weight, bias).Gelu() + bias).Dropout(0.3f, RandomKey.Create(7, draws++)).Softmax(-1);
        var y = run(function, run(function, input.Value * 2f));
        (y * y).Sum().Backward();
        float[][] result = [y.ToArray(), weight.Grad!.Value.ToArray(), bias.Grad!.Value.ToArray(), input.Grad!.Value.ToArray()];
        step?.Dispose();
        return result;
    }

    private sealed class Listener(Parameter weight) : IParameterListener
    {
        public List<int> Heard { get; } = [];

        public float[] WeightGradient { get; private set; } = [];

        public void GradientReady(int index)
        {
            Heard.Add(index);
            if (index == 0) WeightGradient = weight.Grad!.Value.ToArray();
        }
    }
}
