using DistTrain.Coordinator;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>Early stopping, the best epoch, plateaus and metrics: the same alone, on any cluster, and after a resume from anywhere.</summary>
public sealed class EpochWatchTests : IDisposable
{
    private static readonly DataSplit Digits = DigitsSource.Create(train: 300, test: 600);

    private readonly string folder = Directory.CreateTempSubdirectory("disttrain-watch-").FullName;

    public void Dispose()
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    /// <summary>A rate at which it gets better, then no longer; lowered in between.</summary>
    private static TrainingJob Job(Consistency? consistency = null) => new()
    {
        Model = () => new Sequential(new Flatten(), new Linear(784, 16), new ReLU(), new Linear(16, 10)),
        Data = Digits,
        Optimizer = new SGDRule(new SGDOptions(Momentum: 0.9)),
        LearningRate = 0.15,
        BatchSize = 30,
        Shards = 3,
        Epochs = 40,
        Seed = 5,
        Consistency = consistency ?? Consistency.Default,
        Metrics = ["accuracy", "f1", "roc-auc", "top-2"],
        EarlyStop = new EarlyStopping("f1", Patience: 4, MinDelta: 0.001),
        Plateau = new ReduceLROnPlateau(Factor: 0.5, Patience: 0),
    };

    [Fact]
    public async Task A_run_stops_at_the_same_epoch_with_the_same_best_weights_and_metrics_on_any_cluster()
    {
        using var trainer = new Trainer(Job());
        MetricReport? last = null;
        trainer.Run(epoch => last = epoch.Test!.Metrics);
        Assert.True(trainer.StoppedEarly);
        Assert.InRange(trainer.Step, 50, 390);
        Assert.True(trainer.Watched.Plateau.Rate < 1, "the plateau never lowered the rate");
        Assert.True(trainer.Watched.BestEpoch < trainer.Step / 10 - 1, "the best epoch is the last");
        for (int workers = 1; workers <= 3; workers++)
        {
            var epochs = new List<RunEvent.EpochDone>();
            var result = await RunAsync(ClusterJob.From(Job()), new ClusterOptions { Workers = workers, Servers = workers }, e => { if (e is RunEvent.EpochDone done) epochs.Add(done); });
            Assert.Contains("f1 has not got better for 4 epochs", Assert.IsType<RunEvent.Finished>(result.Last).StoppedEarly!, StringComparison.Ordinal);
            Assert.Equal((trainer.Step, trainer.WeightsSha256, trainer.StateSha256), (result.Steps, result.WeightsSha256, result.StateSha256));
            Assert.Equal(trainer.Watched.BestEpoch, result.Totals!.BestEpoch);
            Assert.Equal(trainer.BestWeights!.Span.ToArray(), result.BestWeights!.Span.ToArray());
            Assert.Equal(last!.Values.AsEnumerable(), epochs[^1].Metrics!.Values.AsEnumerable());
            Assert.Equal(last.Confusion!.Counts.AsEnumerable(), epochs[^1].Metrics!.Confusion!.Counts.AsEnumerable());
            Assert.Equal(trainer.Watched.BestEpoch, epochs.Last(e => e.IsBest).Epoch);
            Assert.Equal(0.15, epochs[0].LearningRate);
            Assert.True(epochs[^1].LearningRate < 0.15);
        }
    }

    [Fact]
    public async Task It_goes_on_from_any_checkpoint_to_the_same_end()
    {
        var job = ClusterJob.From(Job());
        var store = new CheckpointFolder(folder, 1000);
        var whole = await RunAsync(job, new ClusterOptions { Workers = 2, Checkpoints = new CheckpointPlan { Folder = store, Every = 5 } });
        var files = store.Files();
        // A slow disk leaves some out.
        Assert.True(files.Count > 1, $"{files.Count} checkpoints");
        foreach (string file in files.Where((_, i) => i % (1 + files.Count / 6) == 0)) AssertSame(whole, await RunAsync(GoOn(job, file), new ClusterOptions { Workers = 3 }), file);
        // The last one is of the end: there is nothing left to do.
        var again = await RunAsync(GoOn(job, files[0]), new ClusterOptions { Workers = 1 });
        Assert.Equal(whole.Totals!.TestMetrics!["f1"], again.Totals!.TestMetrics!["f1"]);
        Assert.Equal(0, again.Totals.Samples);
    }

    [Theory]
    [InlineData(9)]
    [InlineData(19)]
    [InlineData(33)]
    public async Task Stopped_at_an_epochs_end_or_within_one_it_goes_on_to_the_same_end(long step)
    {
        var job = ClusterJob.From(Job());
        var whole = await RunAsync(job, new ClusterOptions { Workers = 2 });
        var store = new CheckpointFolder(folder, 1000);
        using var stop = new CancellationTokenSource();
        var options = new ClusterOptions { Workers = 2, Checkpoints = new CheckpointPlan { Folder = store, Every = 1000 } };
        var stopped = await RunAsync(job, options, e => { if (e is RunEvent.StepDone done && done.Step == step) stop.Cancel(); }, stop.Token);
        Assert.IsType<RunEvent.Interrupted>(stopped.Last);
        AssertSame(whole, await RunAsync(GoOn(job, Assert.Single(store.Files())), new ClusterOptions { Workers = 2 }), $"step {stopped.Steps}");
    }

    [Fact]
    public async Task A_limit_on_steps_within_an_epoch_does_not_show_once_it_is_lifted()
    {
        var job = Job();
        var whole = await RunAsync(ClusterJob.From(job), new ClusterOptions { Workers = 2 });
        var store = new CheckpointFolder(folder, 1000);
        await RunAsync(ClusterJob.From(job with { MaxSteps = 25 }), new ClusterOptions { Workers = 2, Checkpoints = new CheckpointPlan { Folder = store, Every = 1000 } });
        AssertSame(whole, await RunAsync(GoOn(ClusterJob.From(job), Assert.Single(store.Files())), new ClusterOptions { Workers = 2 }), "step 25");
    }

    [Fact]
    public async Task Without_test_data_the_training_loss_is_watched()
    {
        var job = Job() with { Data = new DataSplit("train", Digits.Train, null), Metrics = [], EarlyStop = new EarlyStopping(Patience: 2, MinDelta: 0.2), Plateau = null };
        using var trainer = new Trainer(job);
        trainer.Run();
        Assert.True(trainer.StoppedEarly);
        var result = await RunAsync(ClusterJob.From(job), new ClusterOptions { Workers = 2 });
        Assert.Equal((trainer.Step, trainer.StateSha256), (result.Steps, result.StateSha256));
        Assert.Equal(trainer.BestWeights!.Span.ToArray(), result.BestWeights!.Span.ToArray());
    }

    [Fact]
    public async Task The_best_weights_are_those_of_the_best_epoch_where_nothing_else_holds_training_up_between_epochs()
    {
        var job = Job() with { Data = new DataSplit("train", Digits.Train, null), Metrics = [], EarlyStop = new EarlyStopping("train-loss"), Plateau = null, LearningRate = 0.3 };
        using var trainer = new Trainer(job);
        trainer.Run();
        Assert.InRange(trainer.Watched.BestEpoch, 1, 38);
        var result = await RunAsync(ClusterJob.From(job), new ClusterOptions { Workers = 2 });
        Assert.Equal((trainer.Watched.BestEpoch, trainer.StateSha256), (result.Totals!.BestEpoch, result.StateSha256));
        Assert.Equal(trainer.BestWeights!.Span.ToArray(), result.BestWeights!.Span.ToArray());
    }

    [Fact]
    public async Task It_stops_under_ssp_and_async_too()
    {
        foreach (var consistency in new[] { Consistency.Parse("ssp:2"), Consistency.Parse("async") })
        {
            var result = await RunAsync(ClusterJob.From(Job(consistency) with { Epochs = 200 }), new ClusterOptions { Workers = 3 });
            Assert.NotNull(Assert.IsType<RunEvent.Finished>(result.Last).StoppedEarly);
            Assert.Equal(0, result.Steps % 10);
            Assert.NotNull(result.BestWeights);
        }
    }

    [Fact]
    public void A_plateau_is_refused_where_workers_step_by_themselves() =>
        Assert.Contains("plateau", Assert.Throws<UserErrorException>(() => ClusterJob.From(Job(Consistency.Parse("local:2")))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_state_survives_as_text()
    {
        var state = new WatchState(3, 0.1 + 0.2, double.NaN, 2, new PlateauState(0.5, double.PositiveInfinity, 1, 0));
        Assert.Equal(state, WatchState.Parse(state.ToText()));
        Assert.Throws<UserErrorException>(() => WatchState.Parse("1 2 3"));
    }

    private static void AssertSame(RunResult expected, RunResult actual, string what)
    {
        Assert.True((expected.Steps, expected.WeightsSha256, expected.StateSha256) == (actual.Steps, actual.WeightsSha256, actual.StateSha256), $"{what}: {actual.Steps} steps, expected {expected.Steps}");
        Assert.Equal(expected.Totals!.BestEpoch, actual.Totals!.BestEpoch);
        Assert.Equal(expected.BestWeights!.Span.ToArray(), actual.BestWeights!.Span.ToArray());
        Assert.Equal(expected.Totals.TestMetrics, actual.Totals.TestMetrics);
    }

    private static ClusterJob GoOn(ClusterJob job, string file)
    {
        var saved = CheckpointFile.Read(file, job.Layout);
        return job with
        {
            Weights = saved.Weights,
            State = [.. job.Rule.StateNames.Select(name => saved.OptimizerState.First(state => state.Name == name).Values)],
            StartStep = saved.Step,
            Notes = saved.Notes,
            BestWeights = saved.Extra.FirstOrDefault(extra => extra.Name == Checkpoint.BestWeights).Values,
        };
    }

    private static async Task<RunResult> RunAsync(ClusterJob job, ClusterOptions options, Action<RunEvent>? observer = null, CancellationToken stop = default)
    {
        await using var cluster = new LocalCluster(job, options, observer);
        var result = await cluster.RunAsync(stop).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False(result.Last is RunEvent.Failed, $"{result.Last}");
        return result;
    }
}
