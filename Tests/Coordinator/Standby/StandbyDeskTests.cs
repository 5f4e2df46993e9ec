using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Standby;
using DistTrain.Protocol;
using DistTrain.Tests.Data;
using DistTrain.Transport;
using DistTrain.Worker.Node;

namespace DistTrain.Tests.Coordinator.Standby;

/// <summary>A primary's desk; the test plays the standby.</summary>
public sealed class StandbyDeskTests : TestKit
{
    private static readonly JobId Job = new(Guid.NewGuid());
    private static readonly Guid Line = Guid.NewGuid(), Folder = Guid.NewGuid();
    private static readonly Incarnation Life = new(5);

    private readonly TempFolder folder = new();
    private readonly ManualTime time = new();
    private readonly ConcurrentQueue<RunEvent> events = new();
    private readonly TestProbe standby;
    private readonly StandbyRule rule;
    private readonly JobToken token;

    public StandbyDeskTests() : base(PatientKit.Config)
    {
        standby = CreateTestProbe();
        // Where the desk looks for its standby.
        Sys.ActorOf(Props.Create(() => new StandbyGate(standby.Ref)), StandbyDesk.Name);
        rule = new StandbyRule(Line, null, time);
        token = JobToken.Load(folder.Write("token", "open sesame"))!;
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        folder.Dispose();
    }

    [Fact]
    public void Who_does_not_know_the_token_is_refused_and_told_why_on_both_sides()
    {
        var desk = Desk();
        desk.Tell(new Standbys.Hello(Membership.ProtocolVersion, "stranger", Life, 17, [1, 2]), standby);
        Assert.Contains("token is not the job's", standby.ExpectMsg<Membership.Refused>().Reason, StringComparison.Ordinal);
        desk.Tell(new Standbys.Accepted(Job, Folder, 1), standby);
        standby.ExpectNoMsg(TimeSpan.FromMilliseconds(150));
        Assert.Contains("stranger", Assert.IsType<RunEvent.Noted>(Assert.Single(events)).Text, StringComparison.Ordinal);
        Assert.Null(StandbyRecord.Read(folder.Folder));
    }

    [Fact]
    public void A_note_of_the_standby_that_cannot_be_deleted_does_not_end_the_desk()
    {
        var desk = Desk();
        StandBy(desk, 1);
        string path = Path.Combine(folder.Folder, StandbyRecord.Name);
        AwaitAssert(() => Assert.True(File.Exists(path)));
        File.Delete(path);
        Directory.CreateDirectory(path);
        desk.Tell(new Standbys.Leaves(Job, 1), standby);
        AwaitAssert(() => Assert.Contains(events.OfType<RunEvent.Noted>(), note => note.Text.Contains("cannot be deleted", StringComparison.Ordinal)));
        Directory.Delete(path);
        // It is there still, for another one.
        desk.Tell(new Standbys.Hello(Membership.ProtocolVersion, "second", Life, 17, token.Prove("second", Life)), standby);
        standby.FishForMessage<Standbys.Offer>(_ => true);
    }

    [Fact]
    public void A_standby_is_noted_in_the_folder_before_it_knows_of_members_and_a_second_one_is_refused()
    {
        var desk = Desk();
        Assert.Equal((Line, new Term(4), "lease"), (StandBy(desk, 1) is var offer ? offer.Line : default, offer.Term, offer.Lease));
        standby.ExpectMsg<Standbys.Members>();
        Assert.Equal(Folder, StandbyRecord.Read(folder.Folder)!.Id);
        Assert.False(Assert.Single(events.OfType<RunEvent.StandbyJoined>()).SharesFolder);
        desk.Tell(new Standbys.Accepted(Job, Guid.NewGuid(), 9), standby);
        Assert.Contains("the standby of this job is the one at", standby.FishForMessage<Membership.Refused>(_ => true).Reason, StringComparison.Ordinal);
        desk.Tell(new Standbys.Leaves(Job, 1), standby);
        AwaitAssert(() => Assert.Null(StandbyRecord.Read(folder.Folder)));
    }

    [Fact]
    public void Without_half_of_the_workers_and_an_answer_it_pauses_and_goes_on_when_the_standby_takes_fewer_members()
    {
        var desk = Desk();
        var workers = Enumerable.Range(0, 3).Select(i => (Node: new Address("akka.tcp", "w", "h", i + 1), Process: Guid.NewGuid())).ToList();
        foreach (var (node, process) in workers) rule.Heard(node, new Nodes.Ping(Job, "w", process, rule.Beat(), 1000));
        StandBy(desk, 1);
        var all = standby.FishForMessage<Standbys.Members>(_ => true);
        Assert.Equal(workers.Select(worker => worker.Process).Order(), all.Workers.ToArray());
        desk.Tell(new Standbys.MembersTaken(Job, 1, all.Number), standby);

        time.Advance(TimeSpan.FromSeconds(0.9));
        rule.Heard(workers[0].Node, new Nodes.Ping(Job, "w", workers[0].Process, rule.Beat(), 100_000));
        time.Advance(TimeSpan.FromSeconds(0.1));
        var fewer = standby.FishForMessage<Standbys.Members>(told => told.Number > all.Number);
        Assert.Equal([workers[0].Process], fewer.Workers.ToArray());
        AwaitAssert(() => Assert.Contains(events.OfType<RunEvent.Noted>(), noted => noted.Text.Contains("pauses: it has 1 of 3 workers", StringComparison.Ordinal)));
        Assert.False(rule.MayRule);
        Assert.False(rule.Passes(TestActor, "the end of a step"));
        // An answer to what was told before changes nothing.
        desk.Tell(new Standbys.MembersTaken(Job, 1, all.Number), standby);
        ExpectNoMsg(TimeSpan.FromMilliseconds(150));
        Assert.False(rule.MayRule);
        desk.Tell(new Standbys.MembersTaken(Job, 1, fewer.Number), standby);
        ExpectMsg("the end of a step");
        Assert.True(rule.MayRule);
        AwaitAssert(() => Assert.Contains(events.OfType<RunEvent.Noted>(), noted => noted.Text == "goes on"));
    }

    [Fact]
    public void A_higher_term_ends_the_reign_and_an_older_one_does_not()
    {
        var desk = Desk();
        StandBy(desk, 1);
        desk.Tell(new Standbys.Reigns(Line, new Term(3)), standby);
        desk.Tell(new Standbys.Reigns(Guid.NewGuid(), new Term(9)), standby);
        standby.FishForMessage<Standbys.Members>(_ => true);
        Assert.False(rule.Deposed.IsCancellationRequested);
        desk.Tell(new Standbys.Reigns(Line, new Term(5)), standby);
        AwaitCondition(() => rule.Deposed.IsCancellationRequested);
        Assert.False(rule.MayRule);
        Assert.Contains("term 5", rule.Successor, StringComparison.Ordinal);
    }

    [Fact]
    public void A_coordinator_of_a_lower_term_hears_that_another_reigns()
    {
        var desk = Desk();
        desk.Tell(new Standbys.Members(Job, new Term(3), 1, 1, []), standby);
        Assert.Equal(new Standbys.Reigns(Line, new Term(4)), standby.ExpectMsg<Standbys.Reigns>());
        desk.Tell(new Standbys.Asked(Line, new Term(99)), standby);
        Assert.Equal(new Standbys.Reigns(Line, new Term(4)), standby.ExpectMsg<Standbys.Reigns>());
        desk.Tell(new Standbys.Asked(Guid.NewGuid(), new Term(1)), standby);
        standby.ExpectNoMsg(TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public void A_checkpoint_is_told_of_once_the_standby_has_it_and_sent_again_while_it_refuses_what_arrived()
    {
        byte[] bytes = new byte[CheckpointPieces.Bytes + 1000];
        new Random(1).NextBytes(bytes);
        string file = new CheckpointFolder(folder.Folder).FileOf(10);
        // Longer than a busy machine takes for all this.
        var desk = Desk(detection: 8);
        StandBy(desk, 1);
        standby.ExpectMsg<Standbys.Members>();
        File.WriteAllBytes(file, bytes);
        desk.Tell(new RunEvent.CheckpointDone(10, file, 3), TestActor);
        var saved = standby.FishForMessage<Standbys.Saved>(_ => true);
        Assert.Equal((10L, (long)bytes.Length), (saved.Step, saved.Bytes));
        desk.Tell(new Standbys.PiecesWanted(Job, 10, 0, 8), standby);
        var pieces = Enumerable.Range(0, 2).Select(_ => (TensorArrived)standby.FishForMessage(message => message is TensorArrived)).ToList();
        Assert.Equal([0L, CheckpointPieces.Bytes], pieces.Select(piece => ((Standbys.Piece)piece.Header).Offset));
        Assert.Equal(bytes, pieces.SelectMany(piece => MemoryMarshal.AsBytes(piece.Tensor.Span).ToArray()).Take(bytes.Length));
        desk.Tell(new Standbys.Fetched(Job, 10, "damaged"), standby);
        standby.FishForMessage<Standbys.Saved>(_ => true);
        Assert.Empty(events.OfType<RunEvent.CheckpointDone>());
        desk.Tell(new Standbys.Fetched(Job, 10, ""), standby);
        AwaitAssert(() => Assert.True(Assert.Single(events.OfType<RunEvent.CheckpointDone>()).OnStandby));
        Assert.Single(events.OfType<RunEvent.Noted>(), noted => noted.Text.Contains("damaged", StringComparison.Ordinal));
    }

    [Fact]
    public void What_an_earlier_process_promised_a_standby_holds_until_that_standby_has_begun_anew()
    {
        var later = new StandbyRule(Line, new StandbyRecord(Line, Folder, "127.0.0.1:9"), time);
        var desk = Desk(later);
        Assert.False(later.MayRule);
        AwaitAssert(() => Assert.Contains(events.OfType<RunEvent.Noted>(), noted => noted.Text.Contains("waits for the standby at 127.0.0.1:9", StringComparison.Ordinal)));
        desk.Tell(new Standbys.Hello(Membership.ProtocolVersion, "back", Life, 17, token.Prove("back", Life)), standby);
        standby.ExpectMsg<Standbys.Offer>();
        desk.Tell(new Standbys.Accepted(Job, Guid.NewGuid(), 1), standby);
        standby.ExpectMsg<Membership.Refused>();
        Assert.False(later.MayRule);
        desk.Tell(new Standbys.Accepted(Job, Folder, 2), standby);
        standby.ExpectMsg<Standbys.Members>();
        Assert.True(later.MayRule);
    }

    [Fact]
    public void A_standby_that_is_silent_is_waited_for_no_longer()
    {
        string file = new CheckpointFolder(folder.Folder).FileOf(10);
        File.WriteAllBytes(file, new byte[1000]);
        var desk = Desk(detection: 0.4);
        StandBy(desk, 1);
        desk.Tell(new RunEvent.CheckpointDone(10, file, 3), TestActor);
        AwaitAssert(() => Assert.False(Assert.Single(events.OfType<RunEvent.CheckpointDone>()).OnStandby), TimeSpan.FromSeconds(10));
        desk.Tell(StandbyDesk.Over.Instance, TestActor);
        AwaitCondition(() => told.Task.IsCompleted);
    }

    private readonly TaskCompletionSource told = new();

    private IActorRef Desk(StandbyRule? by = null, double detection = 2)
    {
        var setup = new StandbyDeskSetup
        {
            Job = Job, Term = new Term(4), Rule = by ?? rule, Folder = new CheckpointFolder(folder.Folder), Lease = "lease", Options = "{}", Layout = "layout", Token = token,
            Detection = TimeSpan.FromSeconds(detection), Connect = (receiver, sender) => new InProcessChannel(receiver, sender), Tell = events.Enqueue, Told = told,
        };
        return Sys.ActorOf(Props.Create(() => new StandbyDesk(setup)), "desk");
    }

    private Standbys.Offer StandBy(IActorRef desk, long life)
    {
        desk.Tell(new Standbys.Hello(Membership.ProtocolVersion, "second", Life, 17, token.Prove("second", Life)), standby);
        var offer = standby.ExpectMsg<Standbys.Offer>();
        desk.Tell(new Standbys.Accepted(Job, Folder, life), standby);
        return offer;
    }
}
