using Akka.Actor;
using DistTrain.Coordinator.Serving;
using DistTrain.Protocol;

namespace DistTrain.Tests.Coordinator;

public sealed class NodeBookTests
{
    private static readonly Address First = new("akka.tcp", "disttrain", "127.0.0.1", 1), Second = new("akka.tcp", "disttrain", "127.0.0.1", 2);

    private static readonly Incarnation Life = new(1);

    private readonly NodeBook book = new();

    public NodeBookTests()
    {
        book.Admit(First, Life, "first", At(0));
        book.Admit(Second, Life, "second", At(0));
    }

    [Fact]
    public void At_the_end_everybody_is_waited_for_who_has_not_said_goodbye()
    {
        book.End(At(60));
        Assert.Equal([First, Second], book.YetToHear(At(100)));
        book.Forget(First);
        Assert.Equal([Second], book.YetToHear(At(100)));
    }

    [Fact]
    public void A_node_that_was_lost_is_given_up_when_it_stays_quiet()
    {
        book.Lose(First);
        book.End(At(60));
        Assert.Equal([First, Second], book.YetToHear(At(60.5)));
        Assert.Equal([Second], book.YetToHear(At(61)));
    }

    [Fact]
    public void A_node_that_was_lost_a_moment_ago_may_still_speak_up()
    {
        book.Heard(First, At(59));
        book.Lose(First);
        book.End(At(60));
        Assert.Contains(First, book.YetToHear(At(63.9)));
        Assert.DoesNotContain(First, book.YetToHear(At(64)));
    }

    [Fact]
    public void A_node_that_was_lost_and_speaks_up_is_waited_for()
    {
        book.Lose(First);
        book.End(At(60));
        Assert.True(book.Heard(First, At(60.9)));
        Assert.Contains(First, book.YetToHear(At(100)));
    }

    [Fact]
    public void One_that_never_passed_or_has_gone_is_not_known_by_speaking()
    {
        book.Forget(First);
        Assert.False(book.Heard(First, At(1)));
        Assert.False(book.Knows(First));
        Assert.True(book.HasPassed(First, Life));
        Assert.False(book.HasPassed(First, new Incarnation(2)));
        Assert.Equal("second", book.NameOf(Second));
        Assert.Equal(First.ToString(), book.NameOf(First));
        Assert.Equal([Second], book.Named("second"));
    }

    [Fact]
    public void A_node_that_was_started_again_at_its_port_is_another_one()
    {
        Assert.False(book.HasOther(First, Life));
        Assert.True(book.HasOther(First, new Incarnation(2)));
        book.Admit(First, new Incarnation(2), "first", At(1));
        Assert.True(book.HasOther(First, Life));
        Assert.False(book.HasOther(First, new Incarnation(2)));
    }

    [Fact]
    public void A_name_is_free_again_once_its_node_is_lost_or_quiet_and_taken_while_it_speaks()
    {
        var third = new Address("akka.tcp", "disttrain", "127.0.0.1", 3);
        Assert.False(book.IsTaken(third, "third", At(1), out _));
        Assert.False(book.IsTaken(First, "first", At(1), out _));
        Assert.True(book.IsTaken(third, "first", At(1), out bool isAlive));
        Assert.False(isAlive);
        book.Heard(First, At(1.5));
        Assert.True(book.IsTaken(third, "first", At(2), out isAlive));
        Assert.True(isAlive);
        Assert.True(book.IsTaken(third, "second", At(2), out isAlive));
        Assert.False(isAlive);
        Assert.False(book.IsTaken(third, "second", At(3), out _));
        book.Lose(First);
        Assert.False(book.IsTaken(third, "first", At(2), out _));
    }

    [Fact]
    public void Of_nodes_that_come_and_go_nothing_is_kept()
    {
        for (int i = 0; i < 200; i++)
        {
            var node = new Address("akka.tcp", "disttrain", "127.0.0.1", 1000 + i);
            Assert.False(book.IsTaken(node, "another", At(i), out _));
            book.Admit(node, Life, "another", At(i));
            book.Lose(node);
            Assert.True(book.HasPassed(node, Life));
            book.Leave(node);
            Assert.False(book.HasPassed(node, Life));
        }
        Assert.Equal(2, book.Remembered);
        // Those who asked for a name that was taken, and were gone before there was an answer.
        for (int i = 0; i < 200; i++)
        {
            book.Heard(First, At(300 + i));
            Assert.True(book.IsTaken(new Address("akka.tcp", "disttrain", "127.0.0.1", 2000 + i), "first", At(300 + i), out _));
        }
        Assert.InRange(book.Remembered, 2, 70);
    }

    private static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);
}
