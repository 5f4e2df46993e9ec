using System.Runtime.CompilerServices;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Optim;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>Checkpoints of running clusters: what goes on from one comes to the bits and figures of a run that was never stopped.</summary>
public sealed class RunCheckpointTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("disttrain-run-checkpoints-").FullName;

    public void Dispose()
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData(1, 1, "bsp")]
    [InlineData(2, 3, "bsp")]
    [InlineData(3, 2, "bsp")]
    [InlineData(1, 2, "local:3")]
    [InlineData(3, 1, "local:7")]
    public async Task A_run_goes_on_from_any_step_with_other_workers_and_servers(int workers, int servers, string mode)
    {
        var job = LinearJob.Of(LinearJob.Plan(epochs: 3, test: 300)) with { Consistency = Consistency.Parse(mode) };
        var whole = await Run(job, new ClusterOptions { Workers = 2 });
        await Run(job, Saving(new ClusterOptions { Workers = 2, Servers = 2 }, keep: 100));
        var store = new CheckpointFolder(folder, 100);
        foreach (string file in store.Files().Where((_, i) => i % 3 == 0))
        {
            var result = await Run(GoOn(job, CheckpointFile.Read(file, LinearJob.Layout)), new ClusterOptions { Workers = workers, Servers = servers });
            Assert.Equal((whole.WeightsSha256, whole.StateSha256), (result.WeightsSha256, result.StateSha256));
            Assert.Equal((whole.Totals!.TrainLoss, whole.Totals.TestLoss, whole.Totals.MissedSamples), (result.Totals!.TrainLoss, result.Totals.TestLoss, result.Totals.MissedSamples));
        }
    }

    [Theory]
    [InlineData("bsp")]
    [InlineData("local:3")]
    public async Task A_run_that_is_stopped_is_saved_at_its_last_step_and_goes_on_to_the_same_bits(string mode)
    {
        var job = LinearJob.Of(LinearJob.Plan(epochs: 20)) with { Consistency = Consistency.Parse(mode) };
        var whole = await Run(job, new ClusterOptions { Workers = 2 });
        using var stop = new CancellationTokenSource();
        var options = Saving(new ClusterOptions { Workers = 2 }, every: 1000);
        await using (var cluster = new LocalCluster(job, options, e => { if (e is RunEvent.StepDone { Step: 9 or 11 }) stop.Cancel(); }))
            Assert.IsType<RunEvent.Interrupted>((await cluster.RunAsync(stop.Token).WaitAsync(TimeSpan.FromSeconds(60))).Last);
        var saved = new CheckpointFolder(folder).LoadLatest(LinearJob.Layout, Assert.Fail)!;
        Assert.True(saved.Step >= 10, $"step {saved.Step}");
        var result = await Run(GoOn(job, saved), new ClusterOptions { Workers = 3 });
        Assert.Equal((whole.WeightsSha256, whole.StateSha256, whole.Totals!.TrainLoss), (result.WeightsSha256, result.StateSha256, result.Totals!.TrainLoss));
    }

    [Fact]
    public async Task What_a_run_goes_on_from_is_not_kept_while_it_goes_on()
    {
        bool? isKept = null;
        WeakReference? state = null;
        await using var cluster = Resumed(e =>
        {
            if (e is not RunEvent.StepDone { Step: 20 }) return;
            GC.Collect();
            isKept = state!.IsAlive;
        }, out state);
        Assert.IsType<RunEvent.Finished>((await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(60))).Last);
        Assert.False(isKept);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static LocalCluster Resumed(Action<RunEvent> observer, out WeakReference state)
    {
        var momentum = new FloatBuffer(LinearJob.Layout.Length);
        state = new WeakReference(momentum);
        return new LocalCluster(LinearJob.Of(LinearJob.Plan(epochs: 10)) with { State = [momentum] }, new ClusterOptions { Workers = 2 }, observer);
    }

    [Fact]
    public async Task A_disk_that_refuses_is_told_of_each_time_and_fails_the_run_at_the_third()
    {
        var events = new List<RunEvent>();
        var job = LinearJob.Of(LinearJob.Plan(epochs: 100_000));
        var result = await Run(job, Saving(new ClusterOptions { Workers = 2 }), e =>
        {
            events.Add(e);
            if (e is RunEvent.CheckpointDone) Directory.Delete(folder, recursive: true);
        });
        Assert.Contains("3 checkpoints in a row", Assert.IsType<RunEvent.Failed>(result.Last).Error);
        Assert.Equal([1, 2, 3], events.OfType<RunEvent.CheckpointFailed>().Take(3).Select(e => e.InARow));
    }

    [Fact]
    public async Task An_async_run_of_one_worker_goes_on_from_any_step_to_the_same_bits()
    {
        // With 50 samples in batches of 16 the last step of an epoch has pieces without samples.
        var job = LinearJob.Of(LinearJob.Plan(epochs: 3, test: 300)) with { Consistency = Consistency.Parse("async"), Rule = new AdamRule(new AdamOptions()) };
        var whole = await Run(job, Saving(new ClusterOptions(), keep: 100));
        foreach (string file in new CheckpointFolder(folder, 100).Files())
        {
            var result = await Run(GoOn(job, CheckpointFile.Read(file, LinearJob.Layout)), new ClusterOptions());
            Assert.Equal((whole.WeightsSha256, whole.StateSha256), (result.WeightsSha256, result.StateSha256));
            Assert.Equal((whole.Totals!.TrainLoss, whole.Totals.TestLoss), (result.Totals!.TrainLoss, result.Totals.TestLoss));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(300)]
    public async Task An_async_run_of_several_workers_uses_each_sample_once_wherever_it_was_stopped_and_goes_on(int test)
    {
        var job = LinearJob.Of(LinearJob.Plan(epochs: 6, test: test)) with { Consistency = Consistency.Parse("async") };
        Assert.IsType<RunEvent.Finished>((await Run(job, Saving(new ClusterOptions { Workers = 3 }, keep: 100))).Last);
        foreach (string file in new CheckpointFolder(folder, 100).Files().Where((_, i) => i % 2 == 1))
        {
            var saved = CheckpointFile.Read(file, LinearJob.Layout);
            using var stop = new CancellationTokenSource();
            var store = new CheckpointFolder(Path.Combine(folder, $"from-{saved.Step}"), 3);
            var options = new ClusterOptions { Workers = 2, Checkpoints = new CheckpointPlan { Folder = store, Every = 1000, DataFingerprint = "data", Numerics = "avx2" } };
            await using (var cluster = new LocalCluster(GoOn(job, saved), options, e => { if (e is RunEvent.StepDone) stop.Cancel(); }))
                Assert.Equal((0L, 0L), Samples(await cluster.RunAsync(stop.Token).WaitAsync(TimeSpan.FromSeconds(60))));
            var stopped = store.LoadLatest(LinearJob.Layout, Assert.Fail);
            Assert.Equal(saved.Step < job.Plan.TotalSteps, stopped is not null);
            var last = await Run(GoOn(job, stopped ?? saved), new ClusterOptions { Workers = 3 });
            Assert.IsType<RunEvent.Finished>(last.Last);
            Assert.Equal((job.Plan.TotalSteps, (0L, 0L)), (last.Steps, Samples(last)));
        }
    }

    private static (long Repeated, long Missed) Samples(RunResult result) => (result.Totals!.RepeatedSamples, result.Totals.MissedSamples);

    private ClusterOptions Saving(ClusterOptions options, long every = 1, int keep = 3) =>
        options with { Checkpoints = new CheckpointPlan { Folder = new CheckpointFolder(folder, keep), Every = every, DataFingerprint = "data", Numerics = "avx2" } };

    private static ClusterJob GoOn(ClusterJob job, Checkpoint saved) => job with
    {
        Weights = saved.Weights, State = [.. saved.OptimizerState.Select(state => state.Values)], StartStep = saved.Step, Notes = saved.Notes, Residuals = ResidualState.FromExtra(saved.Extra),
    };

    private static async Task<RunResult> Run(ClusterJob job, ClusterOptions options, Action<RunEvent>? observer = null)
    {
        await using var cluster = new LocalCluster(job, options, observer);
        return await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
    }
}
