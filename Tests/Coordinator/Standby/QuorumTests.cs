using DistTrain.Coordinator.Standby;
using DistTrain.Protocol;

namespace DistTrain.Tests.Coordinator.Standby;

/// <summary>The rule by which a primary and a standby without a shared folder never both reign, each half by itself.</summary>
public sealed class QuorumTests
{
    private static readonly Guid A = new("a0000000-0000-0000-0000-000000000000"), B = new("b0000000-0000-0000-0000-000000000000"), C = new("c0000000-0000-0000-0000-000000000000"), D = new("d0000000-0000-0000-0000-000000000000");

    [Fact]
    public void Without_a_standby_a_coordinator_needs_nobody()
    {
        var quorum = new Quorum(isUnsure: false);
        Assert.Equal(long.MaxValue, quorum.Until());
        quorum.Count(A, 10);
        Assert.Equal(long.MaxValue, quorum.Until());
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 2)]
    [InlineData(4, 3)]
    [InlineData(5, 3)]
    public void It_may_go_on_while_more_than_half_of_the_members_can_be_counted_on(int members, int needed)
    {
        var quorum = new Quorum(isUnsure: false);
        var workers = Enumerable.Range(0, members).Select(_ => Guid.NewGuid()).ToArray();
        foreach (var worker in workers) quorum.Count(worker, 10);
        quorum.Taken(quorum.Propose(0).Number);
        Assert.Equal(10, quorum.Until());
        foreach (var worker in workers.Take(needed - 1)) quorum.Count(worker, 99);
        Assert.Equal(10, quorum.Until());
        quorum.Count(workers[needed - 1], 88);
        Assert.Equal(88, quorum.Until());
        Assert.Equal((needed, members), quorum.Held(20));
    }

    [Fact]
    public void Members_count_from_when_they_are_told_and_those_before_until_they_are_taken()
    {
        var quorum = new Quorum(isUnsure: false);
        foreach (var worker in new[] { A, B, C }) quorum.Count(worker, 10);
        var first = quorum.Propose(0);
        quorum.Taken(first.Number);
        quorum.Count(A, 99);
        quorum.Lose(B);
        quorum.Lose(C);
        var second = quorum.Propose(5);
        Assert.Equal([A], second.Members.ToArray());
        // The standby may still go by A, B, C: with B and C it could take over.
        Assert.Equal(10, quorum.Until());
        Assert.Equal(second, quorum.Propose(50));
        quorum.Taken(first.Number);
        Assert.Equal(10, quorum.Until());
        quorum.Taken(second.Number);
        Assert.Equal(99, quorum.Until());
    }

    [Fact]
    public void More_members_count_at_once_too()
    {
        var quorum = new Quorum(isUnsure: false);
        quorum.Count(A, 99);
        quorum.Taken(quorum.Propose(0).Number);
        foreach (var worker in new[] { B, C, D }) quorum.Count(worker, 10);
        var more = quorum.Propose(5);
        Assert.Equal([A, B, C, D], more.Members.ToArray());
        Assert.Equal(10, quorum.Until());
        // While these are on their way nobody else is proposed, whatever happens.
        quorum.Lose(B);
        Assert.Equal(more, quorum.Propose(20));
        quorum.Taken(more.Number);
        Assert.Equal([A], quorum.Propose(20).Members.ToArray());
    }

    [Fact]
    public void A_process_that_goes_on_with_a_job_waits_until_its_standby_has_forgotten_what_it_knew()
    {
        var quorum = new Quorum(isUnsure: true);
        quorum.Count(A, 99);
        Assert.Equal(0, quorum.Until());
        quorum.Void();
        Assert.Equal(long.MaxValue, quorum.Until());
    }

    [Fact]
    public void A_standby_is_elected_by_more_than_half_of_the_members_that_it_took_last()
    {
        var candidacy = new Candidacy(new Term(0));
        candidacy.Take(1, [A, B, C]);
        candidacy.Take(2, [A, B, C, D]);
        candidacy.Take(1, [A]);
        Assert.Equal(4, candidacy.Members);
        candidacy.Ask(new Term(1));
        Assert.Equal(new Term(2), candidacy.Asking);
        candidacy.Hear(new Term(2), A);
        candidacy.Hear(new Term(2), A);
        candidacy.Hear(new Term(1), B);
        candidacy.Hear(new Term(2), Guid.NewGuid());
        Assert.Equal(1, candidacy.Promises);
        candidacy.Hear(new Term(2), B);
        // Half is not enough: the primary may have the other half.
        Assert.False(candidacy.IsElected);
        candidacy.Hear(new Term(2), C);
        Assert.True(candidacy.IsElected);
    }

    [Fact]
    public void Promises_are_void_when_the_primary_speaks_again_and_the_next_term_is_a_higher_one()
    {
        var candidacy = new Candidacy(new Term(0));
        candidacy.Take(1, [A, B, C]);
        candidacy.Ask(new Term(1));
        candidacy.Hear(new Term(2), A);
        candidacy.Take(1, [A, B, C]);
        Assert.Null(candidacy.Asking);
        candidacy.Ask(new Term(1));
        Assert.Equal(new Term(3), candidacy.Asking);
        candidacy.Hear(new Term(2), B);
        candidacy.Hear(new Term(3), C);
        Assert.Equal(1, candidacy.Promises);
    }

    [Fact]
    public void Nobody_is_elected_by_no_members()
    {
        var candidacy = new Candidacy(new Term(0));
        candidacy.Ask(new Term(1));
        candidacy.Hear(new Term(2), A);
        Assert.False(candidacy.IsElected);
    }

    [Fact]
    public void Workers_that_come_and_go_are_forgotten_unless_a_standby_may_know_of_them()
    {
        var quorum = new Quorum(isUnsure: false);
        for (int i = 0; i < 200; i++)
        {
            quorum.Count(Guid.NewGuid(), i + 10);
            quorum.Forget(i);
        }
        Assert.InRange(quorum.Known, 1, 11);
        quorum.Count(A, 300);
        quorum.Forget(250);
        Assert.Equal(1, quorum.Known);
        quorum.Taken(quorum.Propose(250).Number);
        quorum.Forget(400);
        Assert.Equal(1, quorum.Known);
        Assert.Equal(300, quorum.Until());
    }
}
