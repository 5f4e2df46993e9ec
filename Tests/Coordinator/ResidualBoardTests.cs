using Akka.Actor;
using DistTrain.Coordinator.Scheduling;
using DistTrain.Protocol;

namespace DistTrain.Tests.Coordinator;

/// <summary>Who has a leaf's state: found, on its way, lost, or not to be had yet.</summary>
public class ResidualBoardTests
{
    private static readonly ResidualQuestion Question = new(3, 7, ActorRefs.Nobody);

    private readonly ResidualBoard board = new();

    private static Residuals.Answer Answer(int worker, bool sent, long newest = -2) => new(new Term(1), new WorkerId(worker), 3, 7, ActorRefs.Nobody, sent, newest);

    private static WorkerId[] Workers(int count) => [.. Enumerable.Range(0, count).Select(i => new WorkerId(i))];

    private WorkerId[] ToAsk(int workers) => [.. board.ToAsk(Question, Workers(workers)).OrderBy(worker => worker.Value)];

    private bool IsLostWithin(int ticks)
    {
        for (; ticks > 0; ticks--)
        {
            board.Ask(Question);
            if (board.Tick().Contains(Question)) return true;
        }
        return false;
    }

    [Fact]
    public void What_was_sent_is_asked_for_again_after_a_time_that_doubles()
    {
        board.Ask(Question);
        Assert.Equal(Workers(2), ToAsk(2));
        var asked = new List<int>();
        for (int tick = 0; tick < 60; tick++)
        {
            board.Ask(Question);
            if (ToAsk(2).Length > 0)
            {
                asked.Add(tick);
                board.Heard(Answer(1, sent: true));
                board.Heard(Answer(0, sent: false));
            }
            Assert.Empty(board.Tick());
        }
        Assert.Equal([0, 4, 12, 28], asked);
        board.Settle(Question);
        Assert.Empty(board.Open);
    }

    [Fact]
    public void It_is_lost_only_when_all_have_answered_none_has_it_and_nobody_came_since()
    {
        board.Ask(Question);
        ToAsk(2);
        board.Heard(Answer(0, sent: false, newest: 6));
        Assert.Equal(new WorkerId(1), Assert.Single(ToAsk(2)));
        Assert.False(IsLostWithin(10));
        board.Heard(Answer(1, sent: false));
        Assert.False(IsLostWithin(ResidualBoard.Grace));
        // One that has joined meanwhile is asked too.
        Assert.Equal(new WorkerId(2), Assert.Single(ToAsk(3)));
        Assert.False(IsLostWithin(10));
        board.Heard(Answer(2, sent: false));
        Assert.True(IsLostWithin(ResidualBoard.Grace + 1));
    }

    [Fact]
    public void Where_somebody_is_ahead_whoever_asks_is_behind_and_nothing_is_lost()
    {
        board.Ask(Question);
        ToAsk(1);
        board.Heard(Answer(0, sent: false, newest: 8));
        for (int tick = 0; tick < 3; tick++) Assert.Empty(board.Tick());
        Assert.Empty(board.Open);
    }

    [Fact]
    public void What_a_lost_worker_had_sent_is_asked_for_again_at_once()
    {
        board.Ask(Question);
        ToAsk(2);
        board.Heard(Answer(0, sent: false));
        board.Heard(Answer(1, sent: true));
        Assert.Empty(ToAsk(2));
        board.Forget(new WorkerId(1));
        // It is back, under another number.
        Assert.Equal(new WorkerId(2), Assert.Single(board.ToAsk(Question, [new WorkerId(0), new WorkerId(2)])));
        board.Forget(new WorkerId(2));
        Assert.True(IsLostWithin(ResidualBoard.Grace + 1));
    }

    [Fact]
    public void A_question_that_nobody_repeats_or_that_a_newer_one_replaces_is_dropped()
    {
        board.Ask(Question);
        board.Ask(Question with { After = 8 });
        Assert.Equal(8, Assert.Single(board.Open).After);
        board.ToAsk(Question with { After = 8 }, Workers(1));
        for (int tick = 0; tick <= ResidualBoard.Forgets; tick++) Assert.Empty(board.Tick());
        Assert.Empty(board.Open);
    }

    [Fact]
    public void What_the_coordinator_sends_itself_it_sends_once_in_a_while()
    {
        Assert.True(board.Send(Question));
        Assert.False(board.Send(Question));
        for (int tick = 0; tick < ResidualBoard.Patience; tick++) board.Tick();
        Assert.True(board.Send(Question));
    }
}
