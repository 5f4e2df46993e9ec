using DistTrain.Coordinator;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>Small jobs with settings drawn at random, one after the other in this process: each must end, and use every sample once. <c>DISTTRAIN_JOBS</c> sets how many, <c>DISTTRAIN_JOBS_SEED</c> where to begin.</summary>
public sealed class RandomJobsTests
{
    [Fact]
    public async Task Every_job_ends_whatever_its_settings()
    {
        int jobs = int.Parse(Environment.GetEnvironmentVariable("DISTTRAIN_JOBS") ?? "100"), seed = int.Parse(Environment.GetEnvironmentVariable("DISTTRAIN_JOBS_SEED") ?? "1");
        for (int i = 0; i < jobs; i++) await RunOne(seed + i);
    }

    private static async Task RunOne(int seed)
    {
        var random = new Random(seed);
        T Pick<T>(params T[] choices) => choices[random.Next(choices.Length)];
        var consistency = Consistency.Parse(Pick("bsp", "bsp", "ssp:0", "ssp:2", "async", "async", "async:scaled", "local:2", "local:7"));
        bool async = consistency is Consistency.Async, local = consistency is Consistency.Local, bsp = consistency is Consistency.Bsp;
        int shards = random.Next(1, 9);
        var plan = LinearJob.Plan(shards, train: random.Next(shards, 70), batch: shards * random.Next(1, 5), epochs: random.Next(1, 5), test: Pick(0, 1, 600), accumulate: local ? 1 : Pick(1, 1, 2), clip: async || local ? null : Pick<double?>(null, 0.5));
        var options = new ClusterOptions { Workers = random.Next(1, 7), Servers = async ? 1 : Pick(1, 1, 2, 3), BucketBytes = Pick(16384, 32768, 4 << 20), Speculate = bsp && Pick(true, false), SpeculateAfter = TimeSpan.FromMilliseconds(1) };
        int slow = random.Next(-2, options.Workers);
        var job = LinearJob.Of(plan, number => new LinearReplica(plan) { Computing = piece => { if (number == slow) Thread.SpinWait(20_000); } }) with { Consistency = consistency };
        await using var cluster = new LocalCluster(job, options);
        var running = cluster.RunAsync();
        bool ended = await Task.WhenAny(running, Task.Delay(TimeSpan.FromSeconds(30))) == running;
        Assert.True(ended, $"seed {seed} did not end: {consistency}, {options}, {plan}");
        var result = await running;
        Assert.True(result.Last is RunEvent.Finished, $"seed {seed}: {result.Last}");
        Assert.Equal((seed, (long)plan.TrainCount * plan.Epochs, 0L, 0L), (seed, result.Totals!.Samples, result.Totals.RepeatedSamples, result.Totals.MissedSamples));
        if (bsp || consistency is Consistency.Ssp { Staleness: 0 }) Assert.Equal((seed, LinearJob.PlainLoop(job).State), (seed, result.StateSha256));
    }
}
