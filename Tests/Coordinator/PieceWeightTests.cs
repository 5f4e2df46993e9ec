using DistTrain.Autograd;
using DistTrain.Coordinator;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>How much each piece counts: by its targets, alone as on a cluster.</summary>
public class PieceWeightTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pieces_of_samples_with_several_targets_weigh_alike_alone_and_on_a_cluster(bool tokens)
    {
        var one = Run(Job(tokens, shards: 1)).Weights;
        foreach (int shards in (int[])[2, 3])
        {
            var (weights, hashes) = Run(Job(tokens, shards));
            for (int i = 0; i < one.Length; i++) Assert.Equal(one[i], weights[i], 1e-6f);
            Assert.Equal(hashes, await OnCluster(Job(tokens, shards)));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_batch_in_which_every_label_is_ignored_leaves_the_weights_as_they_are(int shards)
    {
        var job = Labels(shards, label: _ => 0, batchNorm: false);
        var (weights, hashes) = Run(job);
        var flat = new FlatModel(job.BuildModel());
        Assert.Equal(flat.CopyValues().Span.ToArray(), weights);
        Assert.Equal(hashes, await OnCluster(job));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Pieces_and_batches_without_a_label_that_counts_are_the_same_alone_and_on_a_cluster(int shards)
    {
        var job = Labels(shards, label: i => i % 13 == 0 ? 1 : 0, batchNorm: true);
        var (weights, hashes) = Run(job);
        Assert.All(weights, w => Assert.True(float.IsFinite(w)));
        Assert.Equal(hashes, await OnCluster(job));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0.5)]
    public async Task Steps_whose_gradient_is_not_finite_are_skipped_alone_as_on_a_cluster(double? clip)
    {
        var job = Overflowing(OnNonFinite.Skip) with { ClipNorm = clip };
        using var trainer = new Trainer(job);
        trainer.Run();
        Assert.Equal(2, trainer.SkippedSteps);
        Assert.All(trainer.Weights.Span.ToArray(), w => Assert.True(float.IsFinite(w)));
        Assert.Equal((trainer.WeightsSha256, trainer.StateSha256), await OnCluster(job));
    }

    [Fact]
    public void A_gradient_that_is_not_finite_ends_a_run_that_does_not_skip_it()
    {
        using var trainer = new Trainer(Overflowing(OnNonFinite.Fail));
        var error = Assert.Throws<NonFiniteGradientException>(() => trainer.Run());
        Assert.Equal(trainer.Step, error.Step);
        Assert.Contains($"step {trainer.Step}: the averaged gradient is not finite", error.Message, StringComparison.Ordinal);
        Assert.All(trainer.Weights.Span.ToArray(), w => Assert.True(float.IsFinite(w)));
    }

    private static (float[] Weights, (string, string) Hashes) Run(TrainingJob job)
    {
        using var trainer = new Trainer(job);
        trainer.Run();
        return (trainer.Weights.Span.ToArray(), (trainer.WeightsSha256, trainer.StateSha256));
    }

    private static async Task<(string?, string?)> OnCluster(TrainingJob job)
    {
        await using var cluster = new LocalCluster(ClusterJob.From(job), new ClusterOptions { Workers = 2 > job.Shards ? 1 : 2 }, _ => { });
        var result = await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.IsType<RunEvent.Finished>(result.Last);
        return (result.WeightsSha256, result.StateSha256);
    }

    /// <summary>Three numbers a sample, or the classes of two tokens.</summary>
    private static TrainingJob Job(bool tokens, int shards)
    {
        float[] inputs = [.. Enumerable.Range(0, 12 * 8).Select(i => MathF.Sin(i))];
        Dataset data = tokens
            ? new ArrayDataset("tokens", inputs, SampleSpec.Float32(2, 4), [.. Enumerable.Range(0, 24).Select(i => i * 7L % 5)], 5, labelSpec: SampleSpec.Int64(2))
            : new ArrayDataset("triples", inputs, SampleSpec.Float32(8), [.. Enumerable.Range(0, 36).Select(i => MathF.Cos(i))], SampleSpec.Float32(3));
        return Of(data, shards) with { Model = tokens ? () => new Sequential(new Linear(4, 5)) : () => new Sequential(new Linear(8, 3)), Loss = tokens ? new CrossEntropyLoss() : new MSELoss() };
    }

    private static TrainingJob Labels(int shards, Func<int, long> label, bool batchNorm)
    {
        float[] inputs = [.. Enumerable.Range(0, 32 * 4).Select(i => MathF.Sin(i))];
        var data = new ArrayDataset("labels", inputs, SampleSpec.Float32(4), [.. Enumerable.Range(0, 32).Select(label)], 3);
        return Of(data, shards) with
        {
            Model = batchNorm ? () => new Sequential(new Linear(4, 5), new BatchNorm1d(5), new Linear(5, 3)) : () => new Sequential(new Linear(4, 3)),
            Loss = new CrossEntropyLoss(ignoreIndex: 0),
            BatchSize = 8,
        };
    }

    /// <summary>Two samples, in different batches of one, are so large that their gradient overflows.</summary>
    private static TrainingJob Overflowing(OnNonFinite what)
    {
        float[] inputs = [.. Enumerable.Range(0, 8).Select(i => i is 2 or 5 ? 1e30f : i * 0.1f)];
        return Of(new ArrayDataset("large", inputs, SampleSpec.Float32(1), new float[8], SampleSpec.Float32(1)), shards: 1) with
        {
            Model = () => new Sequential(new Linear(1, 1)), Loss = new MSELoss(), BatchSize = 1, Epochs = 1, OnNonFinite = what,
        };
    }

    private static TrainingJob Of(Dataset data, int shards) => new()
    {
        Model = () => new Sequential(),
        Data = new DataSplit("few", data, null),
        Optimizer = new SGDRule(new SGDOptions(Momentum: 0.9)),
        LearningRate = 0.1,
        BatchSize = 5,
        Shards = shards,
        Epochs = 2,
        Seed = 4,
    };
}
