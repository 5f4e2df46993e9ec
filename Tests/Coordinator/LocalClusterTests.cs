using DistTrain.Coordinator;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

public sealed class LocalClusterTests
{
    private static async Task<RunResult> Run(ClusterJob job, ClusterOptions options, List<RunEvent>? events = null)
    {
        await using var cluster = new LocalCluster(job, options, e => events?.Add(e));
        return await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(6)]
    public async Task Any_number_of_workers_gives_the_bits_of_the_plain_loop(int workers)
    {
        var job = LinearJob.Of(LinearJob.Plan());
        var result = await Run(job, new ClusterOptions { Workers = workers });
        Assert.IsType<RunEvent.Finished>(result.Last);
        Assert.Equal(LinearJob.PlainLoop(job), (result.WeightsSha256, result.StateSha256));
    }

    [Theory]
    [InlineData(1, 1, null)]
    [InlineData(2, 1, 0.5)]
    [InlineData(3, 1, 0.5)]
    [InlineData(1, 16384, null)]
    [InlineData(1, 16384, 0.5)]
    [InlineData(3, 32768, null)]
    [InlineData(3, 32768, 0.5)]
    public async Task Servers_and_buckets_do_not_show_in_the_bits(int servers, int bucketBytes, double? clip)
    {
        var job = LinearJob.Of(LinearJob.Plan(clip: clip));
        var result = await Run(job, new ClusterOptions { Workers = 2, Servers = servers, BucketBytes = bucketBytes });
        Assert.Equal(LinearJob.PlainLoop(job), (result.WeightsSha256, result.StateSha256));
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(3, 17)]
    [InlineData(5, 16)]
    [InlineData(7, 48)]
    [InlineData(16, 49)]
    public async Task A_last_batch_of_any_size_is_summed_without_its_empty_pieces(int shards, int batch)
    {
        var job = LinearJob.Of(LinearJob.Plan(shards, batch: batch));
        var result = await Run(job, new ClusterOptions { Workers = Math.Min(shards, 3) });
        Assert.Equal(LinearJob.PlainLoop(job), (result.WeightsSha256, result.StateSha256));
    }

    [Fact]
    public async Task Accumulation_is_the_same_as_more_shards_of_a_larger_batch()
    {
        var accumulated = LinearJob.Of(LinearJob.Plan(shards: 3, batch: 6, accumulate: 4));
        var large = LinearJob.Of(LinearJob.Plan(shards: 12, batch: 24));
        var a = await Run(accumulated, new ClusterOptions { Workers = 2 });
        var b = await Run(large, new ClusterOptions { Workers = 3 });
        Assert.Equal(b.StateSha256, a.StateSha256);
        Assert.Equal(LinearJob.PlainLoop(large).State, a.StateSha256);
    }

    [Fact]
    public async Task Pieces_are_weighted_by_the_losss_own_denominators_and_one_without_is_absent()
    {
        var plan = LinearJob.Plan();
        var job = LinearJob.Of(plan, _ => new LinearReplica(plan) { Denominators = piece => plan.Piece(piece).Count == 0 ? 0 : (piece.Step + piece.Shard * 3) % 4 }) with { SampleCountDenominators = false };
        foreach (int workers in (int[])[1, 3, 4])
        {
            var result = await Run(job, new ClusterOptions { Workers = workers });
            Assert.Equal(LinearJob.PlainLoop(job), (result.WeightsSha256, result.StateSha256));
        }
    }

    [Fact]
    public async Task Events_tell_the_run_in_order_with_metrics_that_do_not_depend_on_workers()
    {
        List<string> Told(List<RunEvent> events) => [.. events.Select(e => e switch
        {
            RunEvent.StepDone step => step.ToString(),
            RunEvent.EpochDone epoch => (epoch with { SamplesPerSecond = 0 }).ToString(),
            RunEvent.Finished finished => (finished.Totals with { SamplesPerSecond = 0 }).ToString(),
            _ => "",
        }).Where(text => text.Length > 0)];
        var job = LinearJob.Of(LinearJob.Plan(test: 1000));
        List<RunEvent> one = [], three = [];
        await Run(job, new ClusterOptions { Workers = 1 }, one);
        await Run(job, new ClusterOptions { Workers = 3 }, three);
        Assert.Equal(Told(one), Told(three));
        Assert.Equal(8, one.OfType<RunEvent.StepDone>().Count());
        Assert.Equal(2, one.OfType<RunEvent.EpochDone>().Count());
        Assert.Equal(50, one.OfType<RunEvent.StepDone>().Take(4).Sum(step => step.Samples));
        Assert.NotNull(one.OfType<RunEvent.EpochDone>().Last().TestLoss);
        Assert.Equal(3, three.OfType<RunEvent.WorkerJoined>().Count());
        Assert.IsType<RunEvent.Finished>(one[^1]);
    }

    [Theory]
    [InlineData(OnNonFinite.Fail)]
    [InlineData(OnNonFinite.Skip)]
    public async Task A_gradient_that_is_not_finite_fails_the_run_or_is_skipped_as_a_whole(OnNonFinite what)
    {
        var plan = LinearJob.Plan();
        var events = new List<RunEvent>();
        var job = LinearJob.Of(plan, _ => new InfiniteReplica(plan)) with { OnNonFinite = what };
        var result = await Run(job, new ClusterOptions { Workers = 2, Servers = 3 }, events);
        if (what == OnNonFinite.Fail)
        {
            Assert.Contains("step 2", Assert.IsType<RunEvent.Failed>(result.Last).Error, StringComparison.Ordinal);
            return;
        }
        Assert.Equal(1, result.Totals!.SkippedSteps);
        Assert.Equal([2L], events.OfType<RunEvent.StepDone>().Where(step => step.Skipped).Select(step => step.Step));
        Assert.True(result.Weights.Span.ToArray().All(float.IsFinite));
    }

    [Theory]
    [InlineData(1, 1, null)]
    [InlineData(4, 1, null)]
    [InlineData(4, 3, 0.5)]
    public async Task A_cluster_comes_to_the_bits_of_the_single_process_trainer(int shards, int workers, double? clip)
    {
        var job = new TrainingJob
        {
            Model = () => new Sequential(new Flatten(), new Linear(784, 16), new ReLU(), new Dropout(0.25f), new Linear(16, 10)),
            Data = DataSources.Open("digits:70,300"),
            Optimizer = new SGDRule(new SGDOptions(Momentum: 0.9)),
            LearningRate = 0.1,
            BatchSize = 16,
            Shards = shards,
            Epochs = 3,
            ClipNorm = clip,
        };
        using var trainer = new Trainer(job);
        EpochSummary? last = null;
        trainer.Run(epoch => last = epoch);
        var events = new List<RunEvent>();
        var result = await Run(ClusterJob.From(job), new ClusterOptions { Workers = workers }, events);
        Assert.Equal((trainer.WeightsSha256, trainer.StateSha256), (result.WeightsSha256, result.StateSha256));
        var epoch = events.OfType<RunEvent.EpochDone>().Last();
        Assert.Equal((last!.TrainLoss, last.Test!.Loss, last.Test.Accuracy), (epoch.TrainLoss, epoch.TestLoss, epoch.TestAccuracy));
    }

    [Fact]
    public async Task Batch_normalization_has_the_bits_of_the_single_process_trainer_whatever_the_workers()
    {
        var job = JobBuilder.Build(new JobOptions { Model = "cnn-bn", Data = "digits:48,20", BatchSize = 16, Epochs = 2, Shards = 4 }, 4);
        using var trainer = new Trainer(job);
        trainer.Run();
        foreach (int workers in (int[])[1, 3])
            Assert.Equal(trainer.StateSha256, (await Run(ClusterJob.From(job), new ClusterOptions { Workers = workers, Servers = workers, BucketBytes = 1 << 16 })).StateSha256);
    }

    [Fact]
    public void Settings_that_do_not_go_together_are_refused_before_the_start()
    {
        var job = LinearJob.Of(LinearJob.Plan());
        string Error(ClusterJob job, ClusterOptions options) => Assert.Throws<UserErrorException>(() => new LocalCluster(job, options)).Message;
        Assert.Contains("servers: 4 is not allowed", Error(job, new ClusterOptions { Servers = 4 }), StringComparison.Ordinal);
        Assert.Contains("workers: 0", Error(job, new ClusterOptions { Workers = 0 }), StringComparison.Ordinal);
        Assert.Contains("does not go with consistency async", Error(job with { Consistency = new Consistency.Async() }, new ClusterOptions { Servers = 2 }), StringComparison.Ordinal);
        Assert.Contains("only local:<H> has one", Error(job with { Outer = new OuterOptions(0.5) }, new ClusterOptions()), StringComparison.Ordinal);
    }
}
