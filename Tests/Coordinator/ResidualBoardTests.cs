using Akka.Actor;
using DistTrain.Coordinator.Scheduling;
using DistTrain.Protocol;

namespace DistTrain.Tests.Coordinator;

/// <summary>Who has a leaf's error-feedback state: found, lost, or not to be had yet.</summary>
public class ResidualBoardTests
{
    private static readonly ResidualQuestion Question = new(3, 7, ActorRefs.Nobody);

    private static Residuals.Answer Answer(int worker, bool sent, long newest = -2) => new(new Term(1), new WorkerId(worker), 3, 7, ActorRefs.Nobody, sent, newest);

    private static WorkerId[] Workers(int count) => [.. Enumerable.Range(0, count).Select(i => new WorkerId(i))];

    [Fact]
    public void One_who_has_it_settles_the_question_and_late_answers_change_nothing()
    {
        var board = new ResidualBoard();
        Assert.Equal(Workers(2), board.Ask(Question, Workers(2)).ToArray());
        Assert.Equal(ResidualBoard.Verdict.Settled, board.Heard(Answer(1, sent: true)));
        Assert.Equal(ResidualBoard.Verdict.Settled, board.Heard(Answer(0, sent: false)));
    }

    [Fact]
    public void It_is_lost_only_when_all_have_answered_and_none_has_it_or_a_newer_one()
    {
        var board = new ResidualBoard();
        board.Ask(Question, Workers(2));
        Assert.Equal(ResidualBoard.Verdict.Open, board.Heard(Answer(0, sent: false, newest: 6)));
        Assert.Equal(new WorkerId(1), Assert.Single(board.Ask(Question, Workers(2))));
        Assert.Equal(ResidualBoard.Verdict.Open, board.Heard(Answer(0, sent: false)));
        Assert.Equal(ResidualBoard.Verdict.Lost, board.Heard(Answer(1, sent: false)));
        board.Ask(Question, Workers(1));
        // Somebody is ahead: whoever asked is behind, and will ask for that one.
        Assert.Equal(ResidualBoard.Verdict.Settled, board.Heard(Answer(0, sent: false, newest: 8)));
    }

    [Fact]
    public void A_worker_that_is_lost_answers_for_nobody()
    {
        var board = new ResidualBoard();
        board.Ask(Question, Workers(2));
        board.Heard(Answer(0, sent: false));
        Assert.Equal(Question, Assert.Single(board.Forget(new WorkerId(1))));
        Assert.Empty(board.Forget(new WorkerId(1)));
    }
}
