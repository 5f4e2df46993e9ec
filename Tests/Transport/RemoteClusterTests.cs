using DistTrain.Coordinator;
using DistTrain.Protocol.Codecs;
using DistTrain.Tests.Coordinator;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Tests.Transport;

/// <summary>A coordinator's node with its servers and two workers' nodes: what comes of a job must not depend on how tensors travel.</summary>
public sealed class RemoteClusterTests
{
    private static async Task<RunResult> RunLocally(ClusterJob job, ClusterOptions options)
    {
        await using var local = new LocalCluster(job, options);
        return await local.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
    }

    private static ClusterJob Job(string codec, string weightsCodec, string mode = "bsp", int epochs = 2, int accumulate = 1, double? clip = null, bool skip = false)
    {
        var plan = LinearJob.Plan(epochs: epochs, accumulate: accumulate, clip: clip);
        return LinearJob.Of(plan, skip ? _ => new InfiniteReplica(plan) : null) with
        {
            OnNonFinite = skip ? OnNonFinite.Skip : OnNonFinite.Fail, Codec = CodecSpec.ParseGradient(codec), WeightsCodec = CodecSpec.ParseWeights(weightsCodec), Consistency = Consistency.Parse(mode),
        };
    }

    /// <summary>Runs a job over channels of a kind, and within a process: the bits must be the same.</summary>
    private static async Task<RunResult> RunAsLocally(ClusterJob job, ChannelChoice choice)
    {
        var options = new ClusterOptions { Workers = 2, Servers = 2, BucketBytes = 16384 };
        var expected = await RunLocally(job, options);
        using var run = new RemoteRun(job, options, choice);
        var result = await run.RunAsync(TimeSpan.FromSeconds(60));
        Assert.IsType<RunEvent.Finished>(result.Last);
        Assert.Equal((expected.WeightsSha256, expected.StateSha256), (result.WeightsSha256, result.StateSha256));
        Assert.Equal([NameOf(choice)], run.Channels);
        return result;
    }

    private static string NameOf(ChannelChoice choice) => choice is ChannelChoice.Auto or ChannelChoice.SharedMemory ? "shared-memory" : choice.ToString().ToLowerInvariant();

    [Theory]
    [InlineData(ChannelChoice.SharedMemory, "none", "none")]
    [InlineData(ChannelChoice.SharedMemory, "none", "bf16")]
    [InlineData(ChannelChoice.SharedMemory, "int8", "none")]
    [InlineData(ChannelChoice.Auto, "none", "none")]
    [InlineData(ChannelChoice.Tcp, "none", "bf16")]
    [InlineData(ChannelChoice.Akka, "none", "none")]
    [InlineData(ChannelChoice.Auto, "int8", "fp16")]
    [InlineData(ChannelChoice.Tcp, "topk:0.05", "none")]
    [InlineData(ChannelChoice.Tcp, "powersgd:2", "bf16")]
    public Task A_cluster_over_channels_gives_the_bits_of_one_in_a_process(ChannelChoice choice, string codec, string weightsCodec) => RunAsLocally(Job(codec, weightsCodec), choice);

    /// <summary>Each kind of channel, with tensors in a ring (auto) and in the sender's memory (shm), with each setting that changes what a step is.</summary>
    [Theory]
    [InlineData(ChannelChoice.Auto)]
    [InlineData(ChannelChoice.SharedMemory)]
    [InlineData(ChannelChoice.Tcp)]
    [InlineData(ChannelChoice.Akka)]
    public async Task Every_kind_of_channel_accumulates_clips_and_skips_as_within_a_process(ChannelChoice choice)
    {
        foreach (var (accumulate, clip, skip) in ((int, double?, bool)[])[(2, null, false), (1, 0.5, false), (1, null, true), (2, 0.5, true)])
        {
            var result = await RunAsLocally(Job("none", "none", accumulate: accumulate, clip: clip, skip: skip), choice);
            Assert.Equal(skip ? 1 : 0, result.Totals!.SkippedSteps);
        }
    }

    /// <summary>Each kind of channel with each mode; codecs and other settings take turns.</summary>
    [Theory]
    [InlineData(ChannelChoice.Auto, "ssp:2", "topk:0.1", "fp16", 2, false)]
    [InlineData(ChannelChoice.Tcp, "ssp:2", "powersgd:1", "none", 1, false)]
    [InlineData(ChannelChoice.Akka, "ssp:2", "bf16", "bf16", 2, false)]
    [InlineData(ChannelChoice.Auto, "async", "int8", "none", 1, false)]
    [InlineData(ChannelChoice.Tcp, "async", "fp16", "bf16", 1, false)]
    [InlineData(ChannelChoice.Akka, "async", "none", "fp16", 1, false)]
    [InlineData(ChannelChoice.Auto, "local:2", "powersgd:2", "bf16", 1, false)]
    [InlineData(ChannelChoice.Tcp, "local:2", "topk:0.1", "none", 2, false)]
    [InlineData(ChannelChoice.Akka, "local:2", "int8", "none", 1, false)]
    [InlineData(ChannelChoice.Auto, "bsp", "fp16", "none", 2, true)]
    [InlineData(ChannelChoice.Akka, "bsp", "powersgd:1", "none", 1, false)]
    [InlineData(ChannelChoice.SharedMemory, "ssp:2", "none", "none", 2, false)]
    [InlineData(ChannelChoice.SharedMemory, "async", "none", "none", 1, false)]
    [InlineData(ChannelChoice.SharedMemory, "local:2", "none", "none", 2, false)]
    [InlineData(ChannelChoice.SharedMemory, "bsp", "none", "none", 2, true)]
    public async Task Every_kind_of_channel_works_in_every_mode(ChannelChoice choice, string mode, string codec, string weightsCodec, int servers, bool speculate)
    {
        var job = Job(codec, weightsCodec, mode);
        var options = new ClusterOptions { Workers = 2, Servers = servers, BucketBytes = 16384, Speculate = speculate };
        using var run = new RemoteRun(job, options, choice);
        var result = await run.RunAsync(TimeSpan.FromSeconds(60));
        Assert.IsType<RunEvent.Finished>(result.Last);
        Assert.Equal((100L, 0L, 0L), (result.Totals!.Samples, result.Totals.RepeatedSamples, result.Totals.MissedSamples));
        // Where the order of arrival does not show, the bits are those within a process.
        if (job.Consistency is Consistency.Bsp or Consistency.Local) Assert.Equal((await RunLocally(job, options)).StateSha256, result.StateSha256);
    }

    [Theory]
    [InlineData("none", ChannelChoice.Tcp)]
    [InlineData("int8", ChannelChoice.Tcp)]
    [InlineData("none", ChannelChoice.SharedMemory)]
    public async Task Connections_that_are_cut_and_damaged_again_and_again_change_no_bit_of_a_run(string codec, ChannelChoice choice)
    {
        var job = Job(codec, "none", epochs: 20);
        var options = new ClusterOptions { Workers = 2, BucketBytes = 16384 };
        var expected = await RunLocally(job, options);
        var random = new Random(9);
        using var relays = new Relays(() => random.Next(2) == 0 ? Fault.Cut : Fault.FlipBit, () => random.Next(choice == ChannelChoice.Tcp ? 150_000 : 2_500));
        using var run = new RemoteRun(job, options, choice, relays);
        var result = await run.RunAsync(TimeSpan.FromSeconds(90));
        Assert.IsType<RunEvent.Finished>(result.Last);
        Assert.Equal((expected.WeightsSha256, expected.StateSha256), (result.WeightsSha256, result.StateSha256));
        Assert.InRange(relays.Faults, 20, int.MaxValue);
    }
}
