using DistTrain.Protocol;
using DistTrain.Worker.Node;

namespace DistTrain.Tests.Coordinator.Standby;

/// <summary>Whom a worker's process follows.</summary>
public sealed class AllegianceTests
{
    private static readonly Guid Line = Guid.NewGuid();
    private readonly ManualTime time = new();
    private readonly Allegiance allegiance;

    public AllegianceTests()
    {
        allegiance = new Allegiance(time);
        Assert.True(allegiance.TryFollow(Line, new Term(4), "primary"));
        allegiance.Hold(TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void Nothing_is_promised_while_a_coordinator_counts_on_the_worker()
    {
        Assert.False(allegiance.TryPromise(Line, new Term(5), "standby"));
        time.Advance(TimeSpan.FromSeconds(1));
        allegiance.Hold(TimeSpan.FromSeconds(2));
        time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(allegiance.TryPromise(Line, new Term(5), "standby"));
        time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(allegiance.TryPromise(Line, new Term(5), "standby"));
    }

    [Fact]
    public void A_stale_term_is_refused_after_a_promise_and_the_same_term_of_another_too()
    {
        Promise(5);
        Assert.False(allegiance.TryFollow(Line, new Term(4), "primary"));
        Assert.False(allegiance.TryFollow(Line, new Term(5), "primary"));
        Assert.True(allegiance.TryPromise(Line, new Term(5), "standby"));
        Assert.False(allegiance.TryPromise(Line, new Term(5), "another"));
        Assert.True(allegiance.TryFollow(Line, new Term(5), "standby"));
        Assert.False(allegiance.TryFollow(Line, new Term(4), "primary"));
    }

    [Fact]
    public void Only_the_standby_that_has_a_promise_gives_it_back()
    {
        Promise(5);
        allegiance.Release(Line, new Term(5), "another");
        allegiance.Release(Line, new Term(4), "standby");
        allegiance.Release(Guid.NewGuid(), new Term(5), "standby");
        Assert.False(allegiance.TryFollow(Line, new Term(4), "primary"));
        allegiance.Release(Line, new Term(5), "standby");
        Assert.True(allegiance.TryFollow(Line, new Term(4), "primary"));
    }

    [Fact]
    public void A_coordinator_that_is_followed_cannot_be_taken_back_as_a_promise()
    {
        Promise(5);
        Assert.True(allegiance.TryFollow(Line, new Term(5), "standby"));
        allegiance.Release(Line, new Term(5), "standby");
        Assert.False(allegiance.TryFollow(Line, new Term(4), "primary"));
    }

    [Fact]
    public void Another_job_starts_afresh_and_gets_no_promise_before_it_is_followed()
    {
        Promise(5);
        var other = Guid.NewGuid();
        Assert.False(allegiance.TryPromise(other, new Term(9), "standby"));
        Assert.True(allegiance.TryFollow(other, new Term(1), "elsewhere"));
        Assert.Equal((other, new Term(1)), (allegiance.Line, allegiance.Promised));
    }

    private void Promise(long term)
    {
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.True(allegiance.TryPromise(Line, new Term(term), "standby"));
    }
}
