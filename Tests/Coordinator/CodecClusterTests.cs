using DistTrain.Coordinator;
using DistTrain.Protocol.Codecs;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>Codecs in a cluster of one process: they are applied there too, per leaf, so that it agrees with any other cluster.</summary>
public sealed class CodecClusterTests
{
    private static async Task<RunResult> Run(ClusterJob job, ClusterOptions options, int add = 0)
    {
        LocalCluster? cluster = null;
        int steps = 0;
        await using (cluster = new LocalCluster(job, options, e =>
        {
            // A worker is lost, and another one comes, in the middle of the run.
            if (e is RunEvent.StepDone && ++steps == 3 && add > 0) cluster!.AddWorker();
        }))
        {
            var result = await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.IsType<RunEvent.Finished>(result.Last);
            return result;
        }
    }

    [Theory]
    [InlineData("bf16", "none")]
    [InlineData("fp16", "bf16")]
    [InlineData("int8", "none")]
    [InlineData("int8", "fp16")]
    [InlineData("topk:0.05", "bf16")]
    [InlineData("powersgd:2", "none")]
    public async Task Any_number_of_workers_servers_and_buckets_gives_the_same_bits_under_a_codec(string codec, string weightsCodec)
    {
        var plain = LinearJob.Of(LinearJob.Plan(epochs: 4));
        var job = plain with { Codec = CodecSpec.ParseGradient(codec), WeightsCodec = CodecSpec.ParseWeights(weightsCodec) };
        var one = await Run(job, new ClusterOptions { Workers = 1 });
        foreach (var options in (ClusterOptions[])[new() { Workers = 2 }, new() { Workers = 4, Servers = 2 }, new() { Workers = 3, BucketBytes = 16384 }])
        {
            var other = await Run(job, options);
            Assert.Equal((one.WeightsSha256, one.StateSha256), (other.WeightsSha256, other.StateSha256));
        }
        Assert.Equal(one.WeightsSha256, (await Run(job, new ClusterOptions { Workers = 2 }, add: 1)).WeightsSha256);
        Assert.NotEqual(one.WeightsSha256, (await Run(plain, new ClusterOptions { Workers = 2 })).WeightsSha256);
    }

    [Fact]
    public void A_codec_with_a_residual_and_speculation_exclude_each_other()
    {
        var job = LinearJob.Of(LinearJob.Plan()) with { Codec = CodecSpec.ParseGradient("topk:0.1") };
        var error = Assert.Throws<UserErrorException>(() => new LocalCluster(job, new ClusterOptions { Workers = 2, Speculate = true }));
        Assert.Contains("codec was topk:0.1, which does not go with speculate", error.Message);
    }

    [Theory]
    [InlineData("ssp:1")]
    [InlineData("ssp:3")]
    public async Task A_worker_that_joins_under_ssp_with_a_residual_takes_over_shards(string mode)
    {
        var plan = LinearJob.Plan(epochs: 40);
        int[] computed = new int[3];
        using var joined = new ManualResetEventSlim();
        var job = LinearJob.Of(plan, number => new LinearReplica(plan)
        {
            Computing = piece =>
            {
                if (number < 0) return;
                Interlocked.Increment(ref computed[number]);
                if (number == 0 && piece.Step == 5) joined.Wait(TimeSpan.FromSeconds(30));
            },
        }) with { Codec = CodecSpec.ParseGradient("topk:0.1"), Consistency = Consistency.Parse(mode) };
        var events = new List<RunEvent>();
        LocalCluster? cluster = null;
        await using var made = cluster = new LocalCluster(job, new ClusterOptions { Workers = 2 }, e =>
        {
            events.Add(e);
            if (e is RunEvent.StepDone { Step: 2 }) cluster!.AddWorker();
            if (events.OfType<RunEvent.WorkerJoined>().Count() == 3) joined.Set();
        });
        var result = await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.IsType<RunEvent.Finished>(result.Last);
        Assert.Equal((plan.TotalSteps, 0L, 0L), (result.Totals!.Steps, result.Totals.RepeatedSamples, result.Totals.MissedSamples));
        Assert.True(computed[2] > 0, "the third worker computed nothing");
        Assert.Empty(events.OfType<RunEvent.Warning>());
    }

    [Fact]
    public void Bytes_per_step_follow_from_codec_shards_and_workers()
    {
        var job = LinearJob.Of(LinearJob.Plan());
        using var none = new Disposing(new LocalCluster(job, new ClusterOptions { Workers = 2 }));
        using var int8 = new Disposing(new LocalCluster(job with { Codec = CodecSpec.ParseGradient("int8"), WeightsCodec = CodecSpec.ParseWeights("bf16") }, new ClusterOptions { Workers = 2 }));
        long floats = LinearJob.Layout.ParameterLength;
        Assert.Equal(2 * 4 * floats * 2, none.Cluster.Traffic.BytesPerStep);
        Assert.Equal(4 * (floats + 3 * 4) + 2 * 2 * floats, int8.Cluster.Traffic.BytesPerStep);
    }

    [Fact]
    public void A_leaf_that_is_computed_again_is_encoded_from_the_same_state()
    {
        var codec = TensorCodec.Create(CodecSpec.ParseGradient("topk:0.1"));
        var store = new ResidualStore(codec, new DistTrain.Training.ParameterLayout([("w", [8192])]));
        byte[] first = new byte[codec.EncodedLength(8192)], second = new byte[first.Length];
        for (int step = 0; step < 5; step++)
        {
            store.Encode(new CodecKey(1, step, 0, 0), Gradient(step), first);
            // Another worker takes the leaf over and computes it again, bucket by bucket.
            int half = store.Encode(new CodecKey(1, step, 0, 0), Gradient(step).AsSpan(0, 4096), second);
            store.Encode(new CodecKey(1, step, 0, 4096), Gradient(step).AsSpan(4096), second.AsSpan(half));
            Assert.Equal(first, second);
        }
        Assert.Equal(-1, store.Encode(new CodecKey(1, 3, 0, 0), Gradient(3), second));

        static float[] Gradient(int step) => [.. Enumerable.Range(0, 8192).Select(i => MathF.Sin(i * 0.7f + step))];
    }

    [Fact]
    public void Padding_stays_zero_wherever_a_slice_is_cut()
    {
        var layout = new DistTrain.Training.ParameterLayout([("a", [7]), ("b", [40]), ("c", [16]), ("d", [1])]);
        float[] whole = [.. Enumerable.Repeat(1f, layout.ParameterLength)];
        layout.ClearPadding(whole, 0);
        Assert.Equal(7 + 40 + 16 + 1, whole.Sum());
        foreach (var entry in layout.Parameters) Assert.Equal(entry.Length, whole.AsSpan(entry.Offset, entry.Length).ToArray().Sum());
        for (int start = 0; start <= whole.Length; start++)
        {
            for (int end = start; end <= whole.Length; end++)
            {
                float[] slice = [.. Enumerable.Repeat(1f, end - start)];
                layout.ClearPadding(slice, start);
                Assert.True(slice.AsSpan().SequenceEqual(whole.AsSpan(start, end - start)), $"[{start}, {end})");
            }
        }
    }

    private sealed class Disposing(LocalCluster cluster) : IDisposable
    {
        public LocalCluster Cluster => cluster;

        public void Dispose() => cluster.DisposeAsync().AsTask().Wait();
    }
}
