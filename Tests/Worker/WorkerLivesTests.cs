using DistTrain.Worker.Node;

namespace DistTrain.Tests.Worker;

/// <summary>A worker's process begins anew whenever it was lost; what hinders a later life is no mistake of the user's.</summary>
public sealed class WorkerLivesTests
{
    private readonly List<string> notes = [];

    [Fact]
    public async Task A_port_that_the_life_before_still_has_is_tried_again()
    {
        var lives = new Queue<NodeEnd?>([new NodeEnd.Lost("gone"), null, null, new NodeEnd.Lost("gone"), null, new NodeEnd.Done()]);
        Assert.IsType<NodeEnd.Done>(await LiveAsync(lives.Dequeue, TimeSpan.FromMinutes(1)));
        Assert.Equal(["gone; joins again", "port 5 is taken; tries again", "gone; joins again", "port 5 is taken; tries again"], notes);
    }

    [Fact]
    public async Task One_that_stays_taken_is_a_failure_with_its_reason()
    {
        bool isFirst = true;
        NodeEnd? Next()
        {
            (bool first, isFirst) = (isFirst, false);
            return first ? new NodeEnd.Lost("gone") : null;
        }

        Assert.Equal("port 5 is taken", Assert.IsType<NodeEnd.Failed>(await LiveAsync(Next, TimeSpan.FromMilliseconds(50))).Error);
        Assert.Equal(2, notes.Count);
    }

    [Fact]
    public async Task In_the_first_life_it_is_the_users_error() =>
        Assert.Equal("port 5 is taken", (await Assert.ThrowsAsync<UserErrorException>(() => LiveAsync(() => null, TimeSpan.FromMinutes(1)))).Message);

    [Fact]
    public async Task Who_is_asked_to_leave_in_between_does()
    {
        using var stop = new CancellationTokenSource();
        var lives = new Queue<NodeEnd?>([new NodeEnd.Lost("gone"), null]);
        Assert.IsType<NodeEnd.Stopped>(await WorkerNode.LivesAsync(Life(lives.Dequeue), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1), _ => { if (lives.Count == 0) stop.Cancel(); }, stop.Token));
    }

    private Task<NodeEnd> LiveAsync(Func<NodeEnd?> next, TimeSpan patience) => WorkerNode.LivesAsync(Life(next), patience, TimeSpan.FromMilliseconds(1), notes.Add, CancellationToken.None);

    private static Func<TimeSpan, Task<(NodeEnd, bool)>> Life(Func<NodeEnd?> next) =>
        async _ =>
        {
            await Task.Yield();
            return (next() ?? throw new UserErrorException("port 5 is taken"), true);
        };
}
