using DistTrain.Coordinator.Recovery;

namespace DistTrain.Tests.Coordinator;

public sealed class LeaseFileTests : IDisposable
{
    private static readonly TimeSpan Expiry = TimeSpan.FromSeconds(10);
    private readonly string folder = Directory.CreateTempSubdirectory("disttrain-lease-").FullName;
    private readonly ManualTime time = new();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void One_holds_it_until_it_is_released_and_terms_grow()
    {
        var (a, b) = (Lease("a"), Lease("b"));
        Assert.True(a.TryAcquire());
        Assert.Equal(1, a.Term);
        Assert.False(b.TryAcquire());
        a.Release();
        Assert.False(a.IsHeld());
        Assert.True(b.TryAcquire());
        Assert.Equal(2, b.Term);
        Assert.False(a.Renew());
    }

    [Fact]
    public void A_renewed_lease_does_not_expire()
    {
        var (a, b) = (Lease("a"), Lease("b"));
        Assert.True(a.TryAcquire());
        for (int i = 0; i < 10; i++)
        {
            time.Advance(Expiry * 0.6);
            Assert.True(a.Renew());
            Assert.False(b.TryAcquire());
        }
    }

    [Fact]
    public void A_paused_holder_loses_it_and_must_not_write_when_it_wakes()
    {
        var (a, b) = (Lease("a"), Lease("b"));
        Assert.True(a.TryAcquire());
        Assert.False(b.TryAcquire());
        time.Advance(Expiry);
        Assert.True(b.TryAcquire());
        Assert.Equal(2, b.Term);

        // The clock alone tells the holder that it may have lost it; the file tells for certain.
        Assert.False(a.IsHeld());
        bool wrote = false;
        Assert.False(a.TryFenced(() => wrote = true));
        Assert.False(wrote);
        Assert.False(a.Renew());
        Assert.True(b.TryFenced(() => wrote = true));
        Assert.True(wrote);
    }

    [Fact]
    public void Expiry_counts_from_when_the_watcher_began_to_watch_not_from_a_clock_in_the_file()
    {
        var a = Lease("a");
        Assert.True(a.TryAcquire());
        time.Advance(Expiry * 5);
        var b = Lease("b");
        Assert.False(b.TryAcquire());
        time.Advance(Expiry * 0.9);
        Assert.False(b.TryAcquire());
        time.Advance(Expiry * 0.2);
        Assert.True(b.TryAcquire());
    }

    [Fact]
    public async Task Of_many_that_try_at_once_exactly_one_gets_each_term()
    {
        var terms = new List<long>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() =>
        {
            var lease = new LeaseFile(Path.Combine(folder, "many.lease"), $"node {i}", TimeSpan.FromMinutes(1));
            for (int taken = 0; taken < 5;)
            {
                if (!lease.TryAcquire()) continue;
                lock (terms) terms.Add(lease.Term);
                taken++;
                lease.Release();
            }
        })));
        Assert.Equal(Enumerable.Range(1, 40).Select(i => (long)i), terms.Order());
    }

    [Fact]
    public void A_damaged_lease_file_counts_as_free()
    {
        File.WriteAllText(Path.Combine(folder, "x.lease"), "{\"owner\":");
        Assert.True(Lease("a").TryAcquire());
    }

    private LeaseFile Lease(string owner) => new(Path.Combine(folder, "x.lease"), owner, Expiry, time);

    private sealed class ManualTime : TimeProvider
    {
        private long now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => now;

        public void Advance(TimeSpan by) => now += by.Ticks;
    }
}
