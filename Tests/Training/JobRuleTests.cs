using DistTrain.Autograd;
using DistTrain.Coordinator;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Nn.Models;
using DistTrain.Optim;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Training;

/// <summary>What one rule for a whole flat buffer must do: groups, frozen parameters, running statistics, clipping.</summary>
public class JobRuleTests
{
    private static readonly DataSplit Digits = DataSources.Open("digits:200,60");

    private static TrainingJob BatchNormJob(int shards, int batch = 24, Func<Module>? model = null) => new()
    {
        Model = model ?? (() => new Sequential(new Flatten(), new Linear(784, 20), new BatchNorm1d(20), new ReLU(), new Linear(20, 10))),
        Data = Digits,
        Optimizer = new SGDOptions(Momentum: 0.9).CreateRule(),
        LearningRate = 0.05,
        BatchSize = batch,
        Shards = shards,
        Epochs = 1,
        DropLast = true,
        Seed = 5,
    };

    [Fact]
    public void BatchNorm_with_one_shard_is_the_plain_loop_bit_for_bit_running_statistics_included()
    {
        var job = BatchNormJob(shards: 1);
        using var trainer = new Trainer(job);
        trainer.Run();

        var model = job.BuildModel();
        var optimizer = new SGD(model.Parameters(), job.LearningRate, momentum: 0.9);
        foreach (var (pixels, labels) in Batches(job))
        {
            model.ZeroGrad();
            model.Forward(pixels).CrossEntropy(labels).Backward();
            optimizer.Step();
        }
        AssertSame(model.StateDict(), trainer.Model.StateDict());
        Assert.Equal(trainer.Step, (long)trainer.Model.StateDict()["2.num_batches_tracked"].Item());
    }

    [Fact]
    public void The_statistics_of_pieces_are_averaged_and_move_the_running_ones_once_a_step()
    {
        var job = BatchNormJob(shards: 4) with { MaxSteps = 1 };
        using var trainer = new Trainer(job);
        var model = job.BuildModel();
        var (pixels, _) = Batches(job).First();
        double[] mean = new double[20], variance = new double[20];
        for (int piece = 0; piece < 4; piece++)
        {
            var hidden = model.NamedChildren()[1].Module.Forward(pixels.Narrow(0, piece * 6, 6).Flatten(1));
            for (int c = 0; c < 20; c++)
            {
                mean[c] += hidden.Mean(0).ToArray()[c] / 4;
                variance[c] += hidden.Var(0).ToArray()[c] / 4;
            }
        }
        trainer.TrainStep();
        var state = trainer.Model.StateDict();
        for (int c = 0; c < 20; c++)
        {
            Assert.Equal(0.1 * mean[c], state["2.running_mean"].ToArray()[c], 1e-5);
            Assert.Equal(0.9 + 0.1 * variance[c], state["2.running_var"].ToArray()[c], 1e-5);
        }
        Assert.Equal(1f, state["2.num_batches_tracked"].Item());
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(3, 2)]
    public async Task A_cluster_of_any_size_gives_the_trainers_bits_with_groups_frozen_parameters_and_running_statistics(int workers, int servers)
    {
        var job = BatchNormJob(shards: 4, model: Frozen) with
        {
            Optimizer = new AdamWOptions(WeightDecay: 0.2).CreateRule(),
            Schedule = new Warmup(3, new CosineAnnealingLR(10)),
            LearningRate = 0.01,
            WeightDecayOnMatricesOnly = true,
            Groups = [new JobGroup((name, _) => name.StartsWith("5.", StringComparison.Ordinal), LearningRateFactor: 0.5)],
            ClipNorm = 1,
            ClipValue = 0.05,
        };
        using var trainer = new Trainer(job);
        trainer.Run();
        await using var cluster = new LocalCluster(ClusterJob.From(job), new ClusterOptions { Workers = workers, Servers = servers, BucketBytes = 16384 });
        var outcome = await cluster.RunAsync();
        Assert.Equal(trainer.WeightsSha256, outcome.WeightsSha256);
        Assert.Equal(trainer.StateSha256, outcome.StateSha256);
    }

    [Fact]
    public void A_frozen_parameter_keeps_its_bits_through_weight_decay()
    {
        var job = BatchNormJob(shards: 2, model: Frozen) with { Optimizer = new AdamWOptions(WeightDecay: 0.5).CreateRule() };
        var before = job.BuildModel().StateDict();
        using var trainer = new Trainer(job);
        trainer.Run();
        var after = trainer.Model.StateDict();
        Assert.Equal(before["1.weight"].ToArray(), after["1.weight"].ToArray());
        Assert.NotEqual(before["1.bias"].ToArray(), after["1.bias"].ToArray());
    }

    [Fact]
    public void Clipping_by_norm_and_by_value_gives_the_bits_of_the_plain_loop()
    {
        var job = BatchNormJob(shards: 1, model: () => new Sequential(new Flatten(), new Linear(784, 33), new ReLU(), new Linear(33, 10))) with { ClipNorm = 0.5, ClipValue = 0.02 };
        using var trainer = new Trainer(job);
        trainer.Run();
        var model = job.BuildModel();
        var parameters = model.Parameters();
        var optimizer = new SGD(parameters, job.LearningRate, momentum: 0.9);
        foreach (var (pixels, labels) in Batches(job))
        {
            model.ZeroGrad();
            model.Forward(pixels).CrossEntropy(labels).Backward();
            Clip.Norm(parameters, 0.5);
            Clip.Value(parameters, 0.02);
            optimizer.Step();
        }
        AssertSame(model.StateDict(), trainer.Model.StateDict());
    }

    [Fact]
    public void A_piece_that_would_leave_one_value_for_each_channel_is_refused_before_the_start()
    {
        var error = Assert.Throws<UserErrorException>(() => new Trainer(BatchNormJob(shards: 4, batch: 4)));
        Assert.Contains("batch size 4 in 4 shards leaves a piece of one sample", error.Message);
        var last = Assert.Throws<UserErrorException>(() => new Trainer(BatchNormJob(shards: 4, batch: 97) with { DropLast = false }));
        Assert.Contains("drop the last batch", last.Message);
        // A channel of an image has many values.
        using var images = new Trainer(BatchNormJob(shards: 4, batch: 4, model: () => NamedModels.Find("cnn-bn").Build(new ModelOptions([28, 28], 10))));
    }

    [Fact]
    public void Weighted_and_ignored_labels_weigh_pieces_by_what_counts()
    {
        float[] weights = [1f, 0.2f, 3f, 1f, 1f, 0f, 2f, 1f, 1f, 0.5f];
        var one = BatchNormJob(shards: 1, model: () => NamedModels.Find("mlp").Build(new ModelOptions([28, 28], 10))) with { Loss = new CrossEntropyLoss(weights, ignoreIndex: 3, labelSmoothing: 0.1f) };
        using var whole = new Trainer(one);
        using var parts = new Trainer(one with { Shards = 4 });
        for (int step = 0; step < 5; step++)
        {
            var expected = whole.TrainStep()[0];
            var pieces = parts.TrainStep().ToArray();
            Assert.Equal(expected.LossSum / expected.Denominator, pieces.Sum(p => p.LossSum) / pieces.Sum(p => p.Denominator), 1e-5);
            Assert.Equal(expected.Counted, pieces.Sum(p => p.Counted));
        }
        foreach (var (a, b) in whole.Weights.Span.ToArray().Zip(parts.Weights.Span.ToArray())) Assert.Equal(a, b, 1e-6f);
    }

    [Fact]
    public void The_schedule_counts_steps_or_epochs()
    {
        var job = BatchNormJob(shards: 1) with { Schedule = new StepLR(1, 0.5), LearningRate = 1 };
        Assert.Equal([1, 0.5, 0.25], new[] { 0L, 1, 2 }.Select(job.LearningRateAt));
        var byEpoch = job with { ScheduleByEpoch = true };
        Assert.Equal([1, 1, 0.5], new[] { 0L, 7, 8 }.Select(byEpoch.LearningRateAt));
        Assert.Equal("StepLR: the step size was 0, expected 1 or more", Assert.Throws<UserErrorException>(() => (job with { Schedule = new StepLR(0) }).Plan()).Message);
    }

    private static Sequential Frozen()
    {
        var frozen = new Linear(784, 20);
        frozen.Weight.RequiresGrad = false;
        return new Sequential(new Flatten(), frozen, new BatchNorm1d(20), new ReLU(), new Dropout(0.1f), new Linear(20, 10));
    }

    private static IEnumerable<(Tensor Pixels, Tensor Labels)> Batches(TrainingJob job)
    {
        var plan = job.Plan();
        var sampler = new Sampler(job.Data.Train, job.Seed);
        for (long step = 0; step < plan.TotalSteps; step++)
        {
            var range = new Batches(job.Data.Train.Count, job.BatchSize, dropLast: job.DropLast).Batch(step);
            int[] indices = new int[range.Count];
            float[] pixels = new float[range.Count * 784];
            long[] labels = new long[range.Count];
            sampler.Read(range, indices);
            job.Data.Train.Read(new ReadContext(job.Seed, range.Epoch), indices, pixels, labels);
            RandomSource.EnterPiece(job.Seed, step, 0);
            yield return (Tensor.From(pixels, [range.Count, 28, 28]), Tensor.From(labels));
        }
    }

    private static void AssertSame(IReadOnlyDictionary<string, Tensor> expected, IReadOnlyDictionary<string, Tensor> actual)
    {
        foreach (var (name, value) in expected) Assert.True(value.ToArray().AsSpan().SequenceEqual(actual[name].ToArray()), name);
    }
}
