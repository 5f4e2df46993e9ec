using DistTrain.Coordinator;
using DistTrain.Coordinator.Reduction;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Protocol;
using DistTrain.Training;
using DistTrain.Worker;

namespace DistTrain.Tests.Coordinator;

public sealed class ConsistencyTests
{
    private static async Task<(RunResult Result, List<RunEvent> Events)> Run(ClusterJob job, ClusterOptions options, CancellationToken stop = default)
    {
        var events = new List<RunEvent>();
        await using var cluster = new LocalCluster(job, options, events.Add);
        return (await cluster.RunAsync(stop).WaitAsync(TimeSpan.FromSeconds(20)), events);
    }

    [Fact]
    public async Task Ssp_0_has_the_bits_of_bsp()
    {
        var job = LinearJob.Of(LinearJob.Plan());
        var (result, _) = await Run(job with { Consistency = new Consistency.Ssp(0) }, new ClusterOptions { Workers = 3, Servers = 2 });
        Assert.Equal(LinearJob.PlainLoop(job), (result.WeightsSha256, result.StateSha256));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Ssp_never_computes_on_weights_that_are_older_than_it_says(int bound)
    {
        var plan = LinearJob.Plan(epochs: 10);
        var (result, _) = await Run(LinearJob.Of(plan, number => new LinearReplica(plan) { Computing = piece => Thread.SpinWait((number + 1) * (int)(piece.Step % 7) * 2000) }) with { Consistency = new Consistency.Ssp(bound) }, new ClusterOptions { Workers = 3, BucketBytes = 16384 });
        Assert.IsType<RunEvent.Finished>(result.Last);
        Assert.InRange(result.Totals!.MaxStaleness, 0, bound);
        Assert.Equal((0, 0), (result.Totals.RepeatedSamples, result.Totals.MissedSamples));
    }

    [Theory]
    [InlineData("async", 1)]
    [InlineData("async", 4)]
    [InlineData("async:scaled", 3)]
    public async Task Async_applies_every_piece_once_and_reports_staleness(string mode, int workers)
    {
        var plan = LinearJob.Plan(shards: 5, epochs: 4, test: 600);
        var (result, events) = await Run(LinearJob.Of(plan) with { Consistency = Consistency.Parse(mode) }, new ClusterOptions { Workers = workers, BucketBytes = 16384 });
        var totals = Assert.IsType<RunEvent.Finished>(result.Last).Totals;
        Assert.Equal((plan.TotalSteps, 200L, 0L, 0L), (totals.Steps, totals.Samples, totals.RepeatedSamples, totals.MissedSamples));
        Assert.Equal(4, events.OfType<RunEvent.EpochDone>().Count(epoch => epoch.TestLoss is not null));
        if (workers == 1) Assert.Equal(0, totals.MaxStaleness);
    }

    [Fact]
    public async Task Async_with_one_worker_is_the_plain_loop_of_one_step_per_piece()
    {
        var plan = LinearJob.Plan(shards: 4);
        var job = LinearJob.Of(plan);
        var (result, _) = await Run(job with { Consistency = new Consistency.Async() }, new ClusterOptions { Workers = 1 });
        var replica = new LinearReplica(plan);
        var weights = LinearJob.Start();
        var gradient = new Tensors.FloatBuffer(weights.Length);
        Tensors.FloatBuffer[] state = [new(weights.Length)];
        long applied = 0;
        for (long step = 0; step < plan.TotalSteps; step++)
        {
            for (int leaf = 0; leaf < plan.Pieces; leaf++)
            {
                int count = plan.Piece(step, leaf).Count;
                if (count == 0) continue;
                replica.Compute(plan.PieceAt(step, leaf), weights, gradient, null);
                job.Rule.Apply(++applied, job.LearningRate(step) * (float)((double)count / plan.BatchOf(step)), 1f, weights.Span, gradient.Span, new StateSlices(state, 0, weights.Length), weights.Span);
            }
        }
        Assert.Equal(0, result.Totals!.MaxStaleness);
        Assert.Equal(LinearJob.Layout.WeightsSha256(weights.Span), result.WeightsSha256);
    }

    [Fact]
    public async Task Async_that_is_stopped_finishes_the_step_that_was_begun()
    {
        using var stop = new CancellationTokenSource();
        var plan = LinearJob.Plan(shards: 4, epochs: 200);
        await using var cluster = new LocalCluster(LinearJob.Of(plan) with { Consistency = new Consistency.Async() }, new ClusterOptions { Workers = 3 }, e => { if (e is RunEvent.StepDone { Step: 5 }) stop.Cancel(); });
        var result = await cluster.RunAsync(stop.Token).WaitAsync(TimeSpan.FromSeconds(60));
        var totals = Assert.IsType<RunEvent.Interrupted>(result.Last).Totals;
        Assert.InRange(totals.Steps, 6, plan.TotalSteps - 1);
        Assert.Equal(Enumerable.Range(0, (int)totals.Steps).Sum(step => plan.BatchOf(step)), totals.Samples);
        Assert.Equal(0, totals.RepeatedSamples);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 1)]
    [InlineData(4, 3)]
    public async Task Local_steps_average_what_each_shard_changed_whatever_the_number_of_workers(int shards, int workers)
    {
        const int Steps = 3;
        var plan = LinearJob.Plan(shards, epochs: 4, test: 300);
        var job = LinearJob.Of(plan) with { Consistency = new Consistency.Local(Steps) };
        var (result, events) = await Run(job, new ClusterOptions { Workers = workers, Servers = 2 });
        Assert.True(result.Last is RunEvent.Finished, result.Last.ToString());
        Assert.Equal((plan.TotalSteps, 200L, 0L), (result.Totals!.Steps, result.Totals.Samples, result.Totals.MissedSamples + result.Totals.RepeatedSamples));
        Assert.Equal((plan.TotalSteps + Steps - 1) / Steps, events.OfType<RunEvent.StepDone>().Count());
        Assert.Equal(Reference(job, plan, Steps), result.WeightsSha256);
    }

    private static string Reference(ClusterJob job, JobPlan plan, int steps)
    {
        var replica = new LinearReplica(plan);
        var weights = LinearJob.Start();
        var outer = new OuterRule(LinearJob.Layout, new OuterOptions());
        Tensors.FloatBuffer[] outerState = [new(weights.Length)];
        var inner = Enumerable.Range(0, plan.Shards).Select(_ => new Tensors.FloatBuffer[] { new(weights.Length) }).ToArray();
        var gradient = new Tensors.FloatBuffer(weights.Length);
        for (long round = 0; round * steps < plan.TotalSteps; round++)
        {
            long end = Math.Min((round + 1) * steps, plan.TotalSteps);
            var changes = new List<float[]>();
            var samples = new List<double>();
            for (int shard = 0; shard < plan.Shards; shard++)
            {
                var local = new Tensors.FloatBuffer(weights.Length);
                weights.Span.CopyTo(local.Span);
                int used = 0;
                for (long step = round * steps; step < end; step++)
                {
                    if (plan.Piece(step, shard).Count == 0) continue;
                    used += replica.Compute(plan.PieceAt(step, shard), local, gradient, null).Samples;
                    job.Rule.Apply(step + 1, job.LearningRate(step), 1f, local.Span, gradient.Span, new StateSlices(inner[shard], 0, local.Length), local.Span);
                }
                changes.Add([.. weights.Span.ToArray().Zip(local.Span.ToArray(), (a, b) => a - b)]);
                samples.Add(used);
            }
            double total = samples.Sum();
            float[] Leaf(int i) => plan.Shards == 1 ? changes[i] : [.. changes[i].Select(x => x * (float)(samples[i] / total))];
            float[] Add(float[] a, float[] b) => [.. a.Zip(b, (x, y) => x + y)];
            float[] average = plan.Shards == 1 ? Leaf(0) : Add(Add(Leaf(0), Leaf(1)), Add(Leaf(2), Leaf(3)));
            outer.Apply(round + 1, OuterOptions.DefaultLearningRate, 1f, weights.Span, average, new StateSlices(outerState, 0, weights.Length), weights.Span);
        }
        return LinearJob.Layout.WeightsSha256(weights.Span);
    }

    [Fact]
    public async Task Accumulation_with_dropout_batch_normalization_and_a_short_last_batch_is_the_larger_batch_bit_for_bit()
    {
        TrainingJob Job(int batch, int shards, int accumulate) => new()
        {
            Model = () => new Sequential(new Flatten(), new Linear(784, 16), new BatchNorm1d(16), new ReLU(), new Dropout(0.25f), new Linear(16, 10)),
            Data = DataSources.Open("digits:80,40"),
            Optimizer = new SGDRule(new SGDOptions(Momentum: 0.9)),
            BatchSize = batch, Shards = shards, Accumulate = accumulate, Epochs = 2,
        };
        var (small, _) = await Run(ClusterJob.From(Job(8, 2, 4)), new ClusterOptions { Workers = 2 });
        var (large, _) = await Run(ClusterJob.From(Job(32, 8, 1)), new ClusterOptions { Workers = 3 });
        using var trainer = new Trainer(Job(8, 2, 4));
        trainer.Run();
        Assert.Equal(large.StateSha256, small.StateSha256);
        Assert.Equal(trainer.StateSha256, small.StateSha256);
    }

    [Fact]
    public async Task The_outer_optimizer_of_local_steps_can_be_chosen_and_1_without_momentum_is_the_average()
    {
        var plan = LinearJob.Plan(shards: 1, train: 64);
        var job = LinearJob.Of(plan) with { Consistency = new Consistency.Local(2), Outer = new OuterOptions(1, 0) };
        var (averaged, _) = await Run(job, new ClusterOptions());
        // The average of a single shard is that shard: the plain loop, but for the rounding of start - (start - end).
        var replica = new LinearReplica(plan);
        var weights = LinearJob.Start();
        var gradient = new Tensors.FloatBuffer(weights.Length);
        Tensors.FloatBuffer[] state = [new(weights.Length)];
        for (long step = 0; step < plan.TotalSteps; step++)
        {
            replica.Compute(plan.PieceAt(step, 0), weights, gradient, null);
            job.Rule.Apply(step + 1, job.LearningRate(step), 1f, weights.Span, gradient.Span, new StateSlices(state, 0, weights.Length), weights.Span);
        }
        for (int i = 0; i < weights.Length; i++) Assert.Equal(weights.Span[i], averaged.Weights.Span[i], 1e-5f);
        var (other, _) = await Run(job with { Outer = new OuterOptions(0.7, 0.9) }, new ClusterOptions());
        Assert.NotEqual(averaged.WeightsSha256, other.WeightsSha256);
    }

    [Fact]
    public void A_mode_that_does_not_parse_is_refused_in_one_line()
    {
        foreach (string text in (string[])["", "bps", "ssp", "ssp:-1", "ssp:x", "local:0", "async:1", "local:1:2"])
            Assert.Contains($"'{text}' is not known", Assert.Throws<UserErrorException>(() => Consistency.Parse(text)).Message, StringComparison.Ordinal);
        Assert.Equal(new Consistency.Ssp(4), Consistency.Parse("ssp:4"));
        Assert.Equal("local:16", Consistency.Parse("local:16").ToString());
    }
}
