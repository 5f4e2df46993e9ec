using Akka.Actor;
using Akka.TestKit.Xunit2;
using DistTrain.Coordinator;
using DistTrain.Optim;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using Schedule = DistTrain.Protocol.Schedule;

namespace DistTrain.Tests.Coordinator;

/// <summary>The server of <c>async</c> among probes: the test plays workers and coordinator.</summary>
public sealed class AsyncServerActorTests : TestKit
{
    private static readonly JobId Job = new(Guid.NewGuid());
    private static readonly Term Term = new(2);
    private readonly JobPlan plan = LinearJob.Plan();
    private readonly IActorRef server;

    public AsyncServerActorTests() : base(ProtocolConfig.Shared)
    {
        var setup = new ServerSetup
        {
            Job = Job, Term = Term, Plan = plan, Buckets = new BucketPlan(LinearJob.Layout, 1, 1 << 30), Rule = new SGDRule(new SGDOptions()), LearningRate = _ => 0.5, State = [],
            Store = new WeightStore(0, LinearJob.Start()), Consistency = new Consistency.Async(), Compute = new InlineCompute(), Clock = new StillClock(),
        };
        server = Sys.ActorOf(Props.Create(() => new AsyncServerActor(setup)));
        server.Tell(new Progress.Wanted(Term, 0), CreateTestProbe());
        server.Tell(new Schedule.Horizon(Term, new Revision(1), 1));
    }

    private (int Leaf, Akka.TestKit.TestProbe Worker) Ask(int id, Akka.TestKit.TestProbe? known = null)
    {
        var worker = known ?? CreateTestProbe();
        server.Tell(new Pieces.Wanted(Term, new WorkerId(id)), worker);
        return (worker.ExpectMsg<Pieces.Granted>().Leaf, worker);
    }

    private void Send(int leaf, IActorRef worker)
    {
        var name = new Gradients.Name(Job, Term, 0, 0, leaf, leaf + 1);
        var tensor = new TensorSlice(new FloatBuffer(LinearJob.Layout.Length), 0, LinearJob.Layout.Length);
        server.Tell(new TensorArrived(new Gradients.Contribution(name, new WorkerId(0), 0.25f, 0, [new Gradients.Leaf(leaf, 4, 4, 1, 1, 4)], 0), tensor), worker);
    }

    [Fact]
    public void A_grant_that_was_lost_is_said_again_also_when_there_is_nothing_else_to_hand_out()
    {
        var (first, one) = Ask(0);
        for (int id = 1; id < 4; id++) Ask(id);
        Assert.Equal(first, Ask(0, one).Leaf);
    }

    [Fact]
    public void A_worker_that_was_given_up_gets_nothing_for_what_it_asked_before_and_its_piece_goes_to_others()
    {
        var (piece, dead) = Ask(0);
        server.Tell(new Membership.Lost(new WorkerId(0), new Incarnation(1), 0));
        server.Tell(new Pieces.Wanted(Term, new WorkerId(0)), dead);
        var others = Enumerable.Range(1, 4).Select(id => Ask(id).Leaf).ToList();
        Assert.Contains(piece, others);
        Assert.Equal([0, 1, 2, 3], others.Order());
        dead.ExpectNoMsg(TimeSpan.Zero);
    }

    [Fact]
    public void A_piece_is_taken_from_its_worker_alone_and_once()
    {
        var (piece, slow) = Ask(0);
        server.Tell(new Membership.Lost(new WorkerId(0), new Incarnation(1), 0));
        var (same, quick) = Ask(1);
        Assert.Equal(piece, same);
        // What the first one sends late is forgotten by both sides.
        Send(piece, slow);
        slow.ExpectMsg<Pieces.Applied>();
        quick.ExpectNoMsg(TimeSpan.Zero);
        Send(piece, quick);
        quick.ExpectMsg<Pieces.Applied>();
        Send(piece, quick);
        quick.ExpectMsg<Pieces.Applied>();
        for (int id = 2; id < 5; id++)
        {
            var (leaf, worker) = Ask(id);
            Assert.NotEqual(piece, leaf);
            Send(leaf, worker);
            worker.ExpectMsg<Pieces.Applied>();
        }
    }
}
