using System.Threading.Channels;
using DistTrain.Transport.Channels;

namespace DistTrain.Tests.Transport;

public sealed class StrangerLogTests
{
    [Fact]
    public async Task A_thousand_strangers_are_two_lines_and_the_next_one_is_told_of_too()
    {
        var lines = Channel.CreateUnbounded<string>();
        using var log = new StrangerLog(line => lines.Writer.TryWrite(line), TimeSpan.FromSeconds(0.5));
        for (int i = 1; i <= 1000; i++) log.Add($"stranger {i}");
        Assert.True(lines.Reader.TryRead(out string? first));
        Assert.Equal("stranger 1", first);
        Assert.False(lines.Reader.TryRead(out _));
        Assert.Equal("999 more connections to the channel's port in 0.5 s were none of the job's, the last: stranger 1000", await NextAsync());
        log.Add("stranger 1001");
        Assert.Equal("stranger 1001", await NextAsync());

        async Task<string> NextAsync() => await lines.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void Some_may_be_told_of_by_themselves()
    {
        var lines = new List<string>();
        using var log = new StrangerLog(lines.Add, TimeSpan.FromMinutes(1), "more were refused in {0} s", first: 3);
        for (int i = 1; i <= 5; i++) log.Add($"stranger {i}");
        Assert.Equal(["stranger 1", "stranger 2", "stranger 3"], lines);
    }
}
