using Akka.Actor;
using Akka.TestKit.Xunit2;
using DistTrain.Protocol;

namespace DistTrain.Tests.Protocol;

public sealed class ActorTurnsTests() : TestKit(ProtocolConfig.Shared)
{
    /// <summary>Says on which thread it was run, and passes what it got on to the next actor.</summary>
    private sealed class Scribe(Action<int> ran, IActorRef? next) : ReceiveActor
    {
        protected override bool AroundReceive(Receive receive, object message)
        {
            ran(Environment.CurrentManagedThreadId);
            next?.Tell(message);
            return true;
        }
    }

    private readonly List<int> threads = [];

    private IActorRef Start(IActorRef? next = null)
    {
        var actor = Sys.ActorOf(Props.Create(() => new Scribe(Ran, next)).WithDispatcher(ActorTurns.Dispatcher));
        // It has started, by the pool.
        actor.Tell(new Identify(1), TestActor);
        ExpectMsg<ActorIdentity>();
        return actor;
    }

    private void Ran(int thread)
    {
        lock (threads) threads.Add(thread);
    }

    private int[] Threads
    {
        get
        {
            lock (threads) return [.. threads];
        }
    }

    [Fact]
    public void A_thread_takes_the_turns_of_actors_that_it_told_something_and_those_that_follow_from_them()
    {
        var actor = Start(Start(Start()));
        OnThread(turns =>
        {
            turns.Open();
            actor.Tell("x");
            actor.Tell("y");
            Assert.Empty(Threads);
            turns.Run();
            Assert.Equal(Enumerable.Repeat(Environment.CurrentManagedThreadId, 6), Threads);
        });
    }

    [Fact]
    public void What_is_closed_takes_what_waits_and_then_the_pool_does()
    {
        var actor = Start();
        int own = OnThread(turns =>
        {
            turns.Open();
            actor.Tell("x");
            turns.Close();
            Assert.Equal([Environment.CurrentManagedThreadId], Threads);
            actor.Tell("y");
        });
        AwaitAssert(() => Assert.Equal(2, Threads.Length));
        Assert.NotEqual(own, Threads[1]);
    }

    [Fact]
    public void Other_threads_and_actors_of_other_dispatchers_go_their_own_way()
    {
        var elsewhere = Sys.ActorOf(Props.Create(() => new Scribe(Ran, null)));
        OnThread(turns =>
        {
            turns.Open();
            elsewhere.Tell("x");
            AwaitAssert(() => Assert.Single(Threads));
            Assert.NotEqual(Environment.CurrentManagedThreadId, Threads[0]);
            turns.Close();
        });
    }

    private static int OnThread(Action<ActorTurns> work)
    {
        Exception? failed = null;
        var thread = new Thread(() =>
        {
            try
            {
                work(ActorTurns.OfThisThread);
            }
            catch (Exception error)
            {
                failed = error;
            }
        });
        thread.Start();
        thread.Join();
        if (failed is not null) throw failed;
        return thread.ManagedThreadId;
    }
}
