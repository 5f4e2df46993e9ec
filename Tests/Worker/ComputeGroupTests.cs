using DistTrain.Worker.Compute;

namespace DistTrain.Tests.Worker;

public sealed class ComputeGroupTests
{
    private sealed class CountedWork(int parts) : SharedWork(parts)
    {
        public int Ran;
        public int Completed;

        public void Begin() => Reset();

        protected override void RunPart(int part) => Interlocked.Increment(ref Ran);

        protected override void Complete() => Interlocked.Increment(ref Completed);
    }

    [Fact]
    public void Work_that_is_posted_again_is_not_lost_to_a_thread_that_still_takes_off_its_last_use()
    {
        using var group = new ComputeGroup();
        var work = new CountedWork(1);
        work.Begin();
        group.Post(work);
        Assert.True(group.TryRunShared());
        // Two threads have seen that all parts are claimed. The first one takes the work off; it is posted again; only then does the second one go on.
        Assert.True(group.TakeOffFirst());
        work.Begin();
        group.Post(work);
        group.TakeOffFirst();
        Assert.True(group.TryRunShared(), "the second use was lost");
        Assert.Equal((2, 2), (work.Ran, work.Completed));
    }

    [Fact]
    public void Every_part_of_every_use_runs_once_however_threads_meet()
    {
        int uses = int.Parse(Environment.GetEnvironmentVariable("DISTTRAIN_SHARED_WORK") ?? "20000");
        using var group = new ComputeGroup();
        for (int i = 0; i < 4; i++) group.Add($"thread {i}", spins: i * 20);
        var works = new[] { new CountedWork(1), new CountedWork(3), new CountedWork(2) };
        for (int use = 1; use <= uses; use++)
        {
            foreach (var work in works)
            {
                work.Begin();
                group.Post(work);
            }
            foreach (var work in works)
            {
                Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref work.Completed) == use, TimeSpan.FromSeconds(20)), $"use {use} of the work with {work.Parts} parts never ended");
                Assert.Equal(use * work.Parts, work.Ran);
            }
        }
    }
}
