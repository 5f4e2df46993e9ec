using System.Collections.Concurrent;
using Akka.Actor;
using DistTrain.Coordinator;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>Workers of a cluster in one process that come, go, fail and are slow in the middle of a step.</summary>
public sealed class LocalWorkersTests
{
    [Theory]
    [InlineData(0, false)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    [InlineData(5, true)]
    public async Task A_worker_that_stops_in_the_middle_of_a_step_changes_no_bit(int step, bool halfway)
    {
        var plan = LinearJob.Plan();
        using var reached = new ManualResetEventSlim();
        using var gone = new ManualResetEventSlim();
        // Worker 1 stands still within the step until it has been stopped: none, or half, of its buckets are sent.
        LinearReplica Replica(int number)
        {
            void Hold(PieceId piece)
            {
                if (number != 1 || piece.Step != step) return;
                reached.Set();
                gone.Wait(TimeSpan.FromSeconds(30));
            }
            return halfway ? new LinearReplica(plan) { Halfway = Hold } : new LinearReplica(plan) { Computing = Hold };
        }
        var job = LinearJob.Of(plan, Replica);
        var events = new List<RunEvent>();
        await using var cluster = new LocalCluster(job, new ClusterOptions { Workers = 2, BucketBytes = 16384 }, e =>
        {
            lock (events) events.Add(e);
            if (e is RunEvent.WorkerLost) gone.Set();
        });
        var run = cluster.RunAsync();
        Assert.True(reached.Wait(TimeSpan.FromSeconds(30)));
        cluster.Workers[1].Tell(PoisonPill.Instance);
        var result = await run.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.IsType<RunEvent.Finished>(result.Last);
        Assert.Equal(2, events.OfType<RunEvent.WorkerLost>().Single().Shards.Length);
        Assert.Equal(LinearJob.PlainLoop(LinearJob.Of(plan)), (result.WeightsSha256, result.StateSha256));
    }

    [Fact]
    public async Task A_worker_that_joins_takes_over_shards_and_changes_no_bit()
    {
        var plan = LinearJob.Plan(epochs: 10);
        var computed = new int[2];
        using var joined = new ManualResetEventSlim();
        var job = LinearJob.Of(plan, number => new LinearReplica(plan)
        {
            Computing = piece =>
            {
                if (number >= 0) Interlocked.Increment(ref computed[number]);
                if (number == 0 && piece.Step == 5) joined.Wait(TimeSpan.FromSeconds(30));
            },
        });
        int seen = 0;
        await using var cluster = new LocalCluster(job, new ClusterOptions { Workers = 1 }, e =>
        {
            if (e is RunEvent.WorkerJoined && ++seen == 2) joined.Set();
        });
        var run = cluster.RunAsync();
        cluster.AddWorker();
        var result = await run.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(LinearJob.PlainLoop(LinearJob.Of(plan)), (result.WeightsSha256, result.StateSha256));
        Assert.True(computed[1] > 0, "the second worker computed nothing");
    }

    [Fact]
    public async Task A_run_that_is_stopped_and_resumed_comes_to_the_same_bits()
    {
        var plan = LinearJob.Plan(epochs: 20);
        using var stop = new CancellationTokenSource();
        var job = LinearJob.Of(plan);
        await using var cluster = new LocalCluster(job, new ClusterOptions { Workers = 2, Servers = 2 }, e =>
        {
            if (e is RunEvent.StepDone { Step: 6 }) stop.Cancel();
        });
        var first = await cluster.RunAsync(stop.Token).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.IsType<RunEvent.Interrupted>(first.Last);
        Assert.InRange(first.Steps, 7, plan.TotalSteps - 1);
        Assert.Equal(LinearJob.PlainLoop(job, first.Steps), (first.WeightsSha256, first.StateSha256));

        await using var again = new LocalCluster(job with { Weights = first.Weights, State = first.State, StartStep = first.Steps }, new ClusterOptions { Workers = 3 });
        var second = await again.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.IsType<RunEvent.Finished>(second.Last);
        Assert.Equal(LinearJob.PlainLoop(job), (second.WeightsSha256, second.StateSha256));
    }

    [Fact]
    public async Task A_replica_that_throws_fails_the_run_and_says_where()
    {
        var plan = LinearJob.Plan();
        var job = LinearJob.Of(plan, _ => new LinearReplica(plan) { Computing = piece => { if (piece.Step == 2) throw new InvalidOperationException("no such sample"); } });
        await using var cluster = new LocalCluster(job, new ClusterOptions { Workers = 2 });
        var result = await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
        var failed = Assert.IsType<RunEvent.Failed>(result.Last);
        Assert.Contains("step 2", failed.Error, StringComparison.Ordinal);
        Assert.Contains("no such sample", failed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_last_worker_to_stop_fails_the_run()
    {
        var plan = LinearJob.Plan();
        using var reached = new ManualResetEventSlim();
        using var end = new ManualResetEventSlim();
        var job = LinearJob.Of(plan, _ => new LinearReplica(plan) { Computing = piece => { if (piece.Step == 2) { reached.Set(); end.Wait(TimeSpan.FromSeconds(30)); } } });
        await using var cluster = new LocalCluster(job, new ClusterOptions { Workers = 1 }, e => { if (e is RunEvent.Failed) end.Set(); });
        var run = cluster.RunAsync();
        Assert.True(reached.Wait(TimeSpan.FromSeconds(30)));
        cluster.Workers[0].Tell(PoisonPill.Instance);
        var result = await run.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal("no worker is left", Assert.IsType<RunEvent.Failed>(result.Last).Error);
    }

    [Fact]
    public async Task A_straggler_is_answered_by_speculation_and_the_bits_stay()
    {
        var plan = LinearJob.Plan();
        using var free = new ManualResetEventSlim();
        var computed = new ConcurrentBag<(int Worker, PieceId Piece)>();
        // Worker 1 stands still in step 2 until the others have gone two steps further without it.
        var job = LinearJob.Of(plan, number => new LinearReplica(plan)
        {
            Computing = piece =>
            {
                computed.Add((number, piece));
                if (number == 1 && piece.Step == 2) free.Wait(TimeSpan.FromSeconds(30));
            },
        });
        await using var cluster = new LocalCluster(job, new ClusterOptions { Workers = 3, Speculate = true }, e => { if (e is RunEvent.StepDone { Step: 4 }) free.Set(); });
        var result = await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(LinearJob.PlainLoop(LinearJob.Of(plan)), (result.WeightsSha256, result.StateSha256));
        Assert.Contains(computed, done => done.Worker != 1 && done.Piece.Step == 2 && done.Piece.Shard == 1);
    }
}
