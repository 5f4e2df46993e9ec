using DistTrain.Transport.Channels;

namespace DistTrain.Tests.Transport;

/// <summary>Connections that have nothing to carry cost nothing: their threads sleep.</summary>
[Collection(AloneCollection.Name)]
public class IdleChannelTests
{
    private static readonly string[] Names = ["to test", "channel"];

    [SkippableTheory]
    [InlineData(ChannelKind.SharedMemory)]
    [InlineData(ChannelKind.Tcp)]
    public void No_core_spins_while_a_channel_waits(ChannelKind kind)
    {
        Skip.IfNot(Directory.Exists("/proc/self/task"), "threads are looked at in /proc");
        using var pair = new Pair(kind: kind);
        pair.Send(0, 0, pair.Gradient(1));
        pair.Take().Lease!.Dispose();
        // The last credit is still on its way: they sleep once that is there, and from then on.
        Assert.True(SpinWait.SpinUntil(() => Asleep() >= 2, TimeSpan.FromSeconds(20)), "the threads of the connection never slept");
        var before = Switches();
        Thread.Sleep(300);
        Assert.All(before, thread => Assert.InRange(Switches().GetValueOrDefault(thread.Key) - thread.Value, 0, 5));
    }

    private static IEnumerable<string> Threads() => Directory.EnumerateDirectories("/proc/self/task").Where(task => Names.Any(Read(task, "comm").StartsWith));

    private static int Asleep() => Threads().Count(task => Read(task, "stat").Split(") ")[^1].StartsWith('S'));

    /// <summary>How often each thread left the processor so far: one that spins, or wakes up for nothing, does it again and again.</summary>
    private static Dictionary<string, long> Switches() => Threads().ToDictionary(
        task => task, task => Read(task, "status").Split('\n').Where(line => line.Contains("ctxt_switches")).Sum(line => long.Parse(line.Split(':')[1])));

    private static string Read(string task, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, file));
        }
        catch (IOException)
        {
            // The thread has ended meanwhile.
            return "";
        }
    }
}
