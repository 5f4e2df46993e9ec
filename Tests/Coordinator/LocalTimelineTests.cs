using System.Text.Json;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Reduction;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>What a run's timeline shows.</summary>
public sealed class LocalTimelineTests
{
    [Fact]
    public async Task A_timeline_shows_every_part_of_a_step_on_a_row_per_worker_and_server()
    {
        string path = Path.Combine(Path.GetTempPath(), $"timeline-{Guid.NewGuid():N}.json");
        try
        {
            await using var cluster = new LocalCluster(LinearJob.Of(LinearJob.Plan()), new ClusterOptions { Workers = 2, Servers = 2, BucketBytes = 16384, TracePath = path });
            var result = await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.InRange(result.Timeline!.Steps, 1, 8);
            Assert.All(TimelineSummary.Kinds, kind => Assert.InRange(result.Timeline.Beside(kind), 0, 1));
            using var json = JsonDocument.Parse(await File.ReadAllTextAsync(path));
            var events = json.RootElement.GetProperty("traceEvents").EnumerateArray().ToList();
            var rows = events.Where(e => e.GetProperty("ph").GetString() == "M").Select(e => e.GetProperty("args").GetProperty("name").GetString());
            Assert.Equal(["server 0", "server 1", "worker-0", "worker-1"], rows);
            var spans = events.Where(e => e.GetProperty("ph").GetString() == "X").ToList();
            Assert.Equal(["backward", "broadcast", "forward", "reduce", "send", "step", "wait"], spans.Select(e => e.GetProperty("name").GetString()).Distinct().Order());
            Assert.All(spans, e => Assert.True(e.GetProperty("dur").GetDouble() >= 0));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_bucket_that_lies_while_all_threads_compute_takes_no_time_meanwhile()
    {
        long ms = System.Diagnostics.Stopwatch.Frequency / 1000;
        var times = new PartTimes(4);
        times.Done(1, 10 * ms, 12 * ms, ms);
        // The others come when threads are free again; two of them at the same time.
        times.Done(2, 30 * ms, 34 * ms, ms);
        times.Done(0, 30 * ms, 33 * ms, 0);
        times.Done(3, 33 * ms, 36 * ms, 0);
        Assert.Equal([new(10 * ms, 11 * ms, 12 * ms), new(30 * ms, 30 * ms + (long)(6 * ms * 0.1), 36 * ms)], times.Spells());
    }

    /// <summary>The worker goes on with backward only when the timeline shows that the bucket which it has sent was averaged, stepped and published: communication hides behind compute.</summary>
    [SkippableFact]
    public async Task A_bucket_is_averaged_stepped_and_published_while_backward_still_runs()
    {
        Skip.If(Environment.ProcessorCount < 2, "one core: nobody is free to step a bucket while the worker computes");
        string path = Path.Combine(Path.GetTempPath(), $"timeline-{Guid.NewGuid():N}.json");
        var plan = LinearJob.Plan(shards: 1);
        LocalCluster? running = null;
        int seen = 0;
        bool IsShown(long step, string name) => running!.Timeline!.Spans.Any(span => span.Name == name && span.Bucket == 2 && span.Step == step);
        var job = LinearJob.Of(plan, _ => new LinearReplica(plan)
        {
            Halfway = piece =>
            {
                foreach (string name in (string[])["send", "reduce", "step", "broadcast"])
                    if (SpinWait.SpinUntil(() => IsShown(piece.Step, name), TimeSpan.FromSeconds(20))) seen++;
            },
        });
        try
        {
            await using var cluster = new LocalCluster(job, new ClusterOptions { Workers = 1, BucketBytes = 16384, TracePath = path });
            running = cluster;
            var result = await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.Equal(LinearJob.PlainLoop(LinearJob.Of(plan)), (result.WeightsSha256, result.StateSha256));
            Assert.Equal(4 * plan.TotalSteps, seen);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
