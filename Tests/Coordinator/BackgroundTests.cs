using DistTrain.Coordinator.Checkpoints;

namespace DistTrain.Tests.Coordinator;

public class BackgroundTests
{
    [SkippableFact]
    public void A_thread_gives_way_and_the_others_do_not()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "thread priorities of Linux");
        int before = NiceOfThisThread(), inside = int.MinValue;
        var thread = new Thread(() =>
        {
            Background.Begin();
            inside = NiceOfThisThread();
        });
        thread.Start();
        thread.Join();
        Assert.Equal(Math.Max(before, 10), inside);
        Assert.Equal(before, NiceOfThisThread());
    }

    /// <summary>Field 19 of the thread's stat (proc(5)); the name before it may hold spaces.</summary>
    private static int NiceOfThisThread()
    {
        string stat = File.ReadAllText("/proc/thread-self/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16]);
    }
}
