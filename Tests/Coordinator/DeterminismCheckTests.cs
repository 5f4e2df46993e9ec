using DistTrain.Autograd;
using DistTrain.Coordinator.Checking;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>User code that breaks the bits is found, and said where.</summary>
public class DeterminismCheckTests
{
    private static int calls;

    [Fact]
    public async Task A_job_of_the_librarys_parts_keeps_its_bits()
    {
        var found = await Check(() => Job(new Dropout()));
        Assert.Null(found.Difference);
        Assert.Equal((3, 2, 64), (found.Steps, found.Shards, found.Weights!.Length));
    }

    [Fact]
    public async Task A_layer_whose_output_is_never_the_same_is_named()
    {
        var found = await Check(() => Job(new Restless()));
        Assert.Equal((1, "1.weight"), (found.Step, found.Parameter));
        Assert.StartsWith("behind step 1 two runs with one worker differ in 1.weight: the output of layer 2 (Restless) differs when ", found.Difference, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Initial_values_of_ones_own_dice_are_named()
    {
        var found = await Check(() => Job(new Scale()));
        Assert.Equal("2.factor", found.Parameter);
        Assert.StartsWith("the initial values of 2.factor are others each time", found.Difference, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Data_that_is_other_data_each_time_is_named()
    {
        var found = await Check(() => Job(new Identity()) with { Data = new DataSplit("noise", new Noise(), null) });
        Assert.Contains("the input of sample 0 of noise differs", found.Difference, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_looks_at_epochs_or_rounds_does_not_matter_and_a_codec_does()
    {
        var options = new JobOptions { Data = "digits:60,20", EarlyStopPatience = 2, EarlyStopMetric = "f1", Schedule = "plateau", Shards = 2, BatchSize = 20 };
        string plain = (await Check(() => JobBuilder.Build(options, 2))).Weights!;
        Assert.NotEqual(plain, (await Check(() => JobBuilder.Build(options with { Codec = "int8" }, 2))).Weights);
        var local = await Check(() => JobBuilder.Build(options with { EarlyStopPatience = null, EarlyStopMetric = "loss", Schedule = "constant", Consistency = Consistency.Parse("local:2"), OuterLearningRate = 0.5 }, 2));
        Assert.Null(local.Difference);
    }

    private static Task<DeterminismReport> Check(Func<TrainingJob> make) => DeterminismCheck.RunAsync(make, _ => { });

    private static TrainingJob Job(Module odd) => new()
    {
        Model = () => new Sequential(new Flatten(), new Linear(784, 10), odd is Scale ? new Scale() : odd is Restless ? new Restless() : odd is Dropout ? new Dropout() : odd),
        Data = DigitsSource.Create(train: 40, test: 10),
        BatchSize = 10,
        Epochs = 1,
    };

    private sealed class Restless : Module
    {
        public override Tensor Forward(Tensor input) => input * (1f + 0.01f * Interlocked.Increment(ref calls));
    }

    private sealed class Scale : Module
    {
        private readonly Parameter factor = new(Tensor.From((float)Random.Shared.NextDouble()));

        public override Tensor Forward(Tensor input) => input * factor.Value;
    }

    private sealed class Noise() : Dataset("noise", 40, SampleSpec.Float32(784), SampleSpec.Label)
    {
        public override int Classes => 10;

        protected override void ReadSample(ReadContext context, int index, SampleSpan input, SampleSpan target)
        {
            for (int i = 0; i < input.Length; i++) input.Float32[i] = Random.Shared.NextSingle();
            target.Int64[0] = index % 10;
        }
    }
}
