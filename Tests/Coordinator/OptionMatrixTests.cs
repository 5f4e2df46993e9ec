using DistTrain.Coordinator;
using DistTrain.Protocol.Codecs;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>Settings two by two: each pair works to the end, every sample used once, or is refused in one line that names both.</summary>
public sealed class OptionMatrixTests
{
    private static readonly string[] Modes = ["bsp", "ssp:0", "ssp:2", "async", "local:2"];
    private static readonly string[] Codecs = ["none", "bf16", "fp16", "int8", "topk:0.1", "powersgd:2"];
    private static readonly string[] WeightsCodecs = ["none", "bf16", "fp16"];

    /// <summary>A job's settings and a cluster's.</summary>
    public sealed record Chosen(string Mode, string Codec = "none", string WeightsCodec = "none", int Servers = 1, int Accumulate = 1, bool Clip = false, bool Skip = false, bool Speculate = false)
    {
        public static IEnumerable<Chosen> Others(Chosen one) =>
            [one, one with { Servers = 2 }, one with { Accumulate = 2 }, one with { Clip = true }, one with { Skip = true }, one with { Speculate = true }];

        private bool IsAsync => Mode == "async";

        private bool IsLocal => Mode == "local:2";

        private bool HasResidual => Codec is "topk:0.1" or "powersgd:2";

        /// <summary>What must not go together, of each pair both values as a message names them.</summary>
        public IEnumerable<(string, string)> Exclusions()
        {
            string mode = $"consistency {Mode}";
            if (IsAsync && Servers > 1) yield return ("servers was 2", mode);
            if ((IsAsync || IsLocal) && Clip) yield return ("clip-norm was 1", mode);
            if (IsAsync && Skip) yield return ("on-nonfinite was skip", mode);
            if (IsLocal && Accumulate > 1) yield return ("accumulate was 2", mode);
            if (Speculate && Mode != "bsp") yield return ("speculate was on", mode);
            if (Speculate && HasResidual) yield return ($"codec was {Codec}", "speculate");
            if (IsAsync && HasResidual) yield return ($"codec was {Codec}", mode);
        }
    }

    private static async Task<bool> Runs(Chosen chosen)
    {
        var plan = LinearJob.Plan(shards: 2, batch: 8, epochs: 1, accumulate: chosen.Accumulate, clip: chosen.Clip ? 1 : null);
        var job = LinearJob.Of(plan) with
        {
            Consistency = Consistency.Parse(chosen.Mode), OnNonFinite = chosen.Skip ? OnNonFinite.Skip : OnNonFinite.Fail,
            Codec = CodecSpec.ParseGradient(chosen.Codec), WeightsCodec = CodecSpec.ParseWeights(chosen.WeightsCodec),
        };
        var options = new ClusterOptions { Workers = 2, Servers = chosen.Servers, Speculate = chosen.Speculate };
        var error = Record.Exception(() => ClusterRules.Check(job, options));
        var exclusions = chosen.Exclusions().ToList();
        Assert.True(exclusions.Count > 0 == error is not null, $"{chosen}: {error?.Message ?? "was not refused"}");
        if (error is not null)
        {
            string message = Assert.IsType<UserErrorException>(error).Message;
            Assert.Contains(exclusions, pair => message.Contains(pair.Item1, StringComparison.Ordinal) && message.Contains($"does not go with {pair.Item2}", StringComparison.Ordinal));
            Assert.DoesNotContain('\n', message);
            return false;
        }
        await using var cluster = new LocalCluster(job, options);
        var result = await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(result.Last is RunEvent.Finished, $"{chosen}: {result.Last}");
        Assert.Equal((50L, 0L, 0L), (result.Totals!.Samples, result.Totals.RepeatedSamples, result.Totals.MissedSamples));
        return true;
    }

    [Theory]
    [InlineData("bsp", 32)]
    [InlineData("ssp:0", 16)]
    [InlineData("ssp:2", 16)]
    [InlineData("async", 2)]
    [InlineData("local:2", 4)]
    public async Task Every_choice_of_switches_works_or_is_refused(string mode, int working)
    {
        int worked = 0;
        for (int bits = 0; bits < 32; bits++)
            if (await Runs(new Chosen(mode, Servers: 1 + (bits & 1), Accumulate: 1 + (bits >> 1 & 1), Clip: (bits & 4) != 0, Skip: (bits & 8) != 0, Speculate: (bits & 16) != 0))) worked++;
        Assert.Equal(working, worked);
    }

    public static TheoryData<string, string> ModesAndCodecs()
    {
        var data = new TheoryData<string, string>();
        foreach (string mode in Modes)
            foreach (string codec in Codecs) data.Add(mode, codec);
        return data;
    }

    [Theory]
    [MemberData(nameof(ModesAndCodecs))]
    public async Task Every_codec_of_gradients_with_every_other_setting_works_or_is_refused(string mode, string codec)
    {
        foreach (var chosen in Chosen.Others(new Chosen(mode, codec))) await Runs(chosen);
        foreach (string weights in WeightsCodecs.Skip(1)) await Runs(new Chosen(mode, codec, weights));
    }

    [Fact]
    public async Task Every_codec_of_weights_with_every_other_setting_works_or_is_refused()
    {
        foreach (string mode in Modes)
            foreach (string weights in WeightsCodecs.Skip(1))
                foreach (var chosen in Chosen.Others(new Chosen(mode, WeightsCodec: weights)).Skip(1)) await Runs(chosen);
    }
}
