using System.Text.Json;

namespace DistTrain.Tests.Transport;

/// <summary>The commands that measure channels, for a few seconds each. What they measure on a machine that is busy with tests says little; that nothing fails meanwhile does.</summary>
[Collection(AloneCollection.Name)]
public sealed class MeasuringCommandTests
{
    [Fact]
    public async Task No_node_is_taken_for_unreachable_while_a_model_travels_as_fast_as_it_can()
    {
        var line = JsonDocument.Parse(Assert.Single(await BenchmarkProcess.LinesAsync(["heartbeats", "8", "40"]))).RootElement;
        Assert.Equal((0, false), (line.GetProperty("unreachable").GetInt32(), line.TryGetProperty("failed", out _)));
        Assert.InRange(line.GetProperty("steps").GetInt64(), 10, long.MaxValue);
        Assert.InRange(line.GetProperty("round_trips").GetInt32(), 20, int.MaxValue);
        // The promise, 50 ms at the 99th percentile, is for a machine that does nothing else.
        Assert.InRange(line.GetProperty("median_ms").GetDouble(), 0, 250);
    }

    [Fact]
    public async Task Every_kind_of_channel_is_measured_beside_a_bare_socket()
    {
        string[] lines = await BenchmarkProcess.LinesAsync(["channel", "0.002", "256"]);
        Assert.Equal(2, lines.Length);
        foreach (string text in lines)
        {
            var line = JsonDocument.Parse(text).RootElement;
            foreach (string kind in (string[])["bare_socket", "tcp", "tcp_connections", "ring", "shared_memory", "shared_memory_in_place"])
                Assert.InRange(line.GetProperty($"{kind}_gb_per_s").GetDouble(), 0.01, 1000);
        }
    }

    [Theory]
    [InlineData("channel", "0")]
    [InlineData("channel", "soon")]
    [InlineData("channel", "0.1", "32")]
    [InlineData("heartbeats", "0")]
    [InlineData("heartbeats", "10", "0")]
    public async Task A_wrong_argument_gets_one_line(params string[] arguments)
    {
        var (code, lines, error) = await BenchmarkProcess.RunAsync(TimeSpan.FromMinutes(1), arguments);
        Assert.Equal(2, code);
        Assert.Empty(lines);
        Assert.StartsWith($"{arguments[0]} [seconds", error);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
