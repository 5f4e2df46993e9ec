using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Standby;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Tests.Data;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Tests.Coordinator.Standby;

/// <summary>A standby; the test plays primary and workers.</summary>
public sealed class StandbyActorTests : TestKit
{
    private static readonly JobId Job = new(Guid.NewGuid());
    private static readonly Guid Line = Guid.NewGuid();

    private readonly TempFolder folder = new();
    private readonly TestProbe primary;
    private readonly TaskCompletionSource<object> ended = new();
    private readonly ConcurrentQueue<string> notes = new();
    private readonly CheckpointFolder own;
    private IActorRef standby = ActorRefs.Nobody;

    public StandbyActorTests() : base(PatientKit.Config)
    {
        own = new CheckpointFolder(Path.Combine(folder.Folder, "own"));
        primary = CreateTestProbe();
        Sys.ActorOf(Props.Create(() => new StandbyGate(primary.Ref)), StandbyDesk.Name);
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        folder.Dispose();
    }

    [Fact]
    public void A_checkpoint_is_fetched_piece_by_piece_and_stands_whole_in_its_place()
    {
        byte[] bytes = Checkpoint(20, LinearJob.Layout);
        Start(TimeSpan.FromSeconds(5));
        Fetch(20, bytes);
        Assert.Equal(new Standbys.Fetched(Job, 20, ""), primary.FishForMessage<Standbys.Fetched>(_ => true));
        Assert.Equal(bytes, File.ReadAllBytes(own.FileOf(20)));
        // Told of it again, it has it already.
        standby.Tell(new Standbys.Saved(Job, 20, bytes.Length), primary);
        Assert.Equal(new Standbys.Fetched(Job, 20, ""), primary.FishForMessage<Standbys.Fetched>(_ => true));
    }

    [Theory]
    [InlineData("cut", "")]
    [InlineData("bit", "checksum")]
    [InlineData("layout", "of another model")]
    [InlineData("step", "of step 30, expected 20")]
    public void What_is_cut_damaged_or_foreign_is_refused_and_fetched_again(string damage, string reason)
    {
        byte[] right = Checkpoint(20, LinearJob.Layout);
        byte[] wrong = damage switch
        {
            "cut" => right[..^100],
            "layout" => Checkpoint(20, new ParameterLayout([("other", [7])])),
            "step" => Checkpoint(30, LinearJob.Layout),
            _ => [.. right],
        };
        if (damage == "bit") wrong[^2000] ^= 4;
        Start(TimeSpan.FromSeconds(5));
        Fetch(20, wrong);
        string refusal = primary.FishForMessage<Standbys.Fetched>(_ => true).Refusal;
        Assert.NotEmpty(refusal);
        Assert.Contains(reason, refusal, StringComparison.Ordinal);
        Assert.Empty(own.Files());
        Fetch(20, right);
        Assert.Equal("", primary.FishForMessage<Standbys.Fetched>(_ => true).Refusal);
        Assert.Equal(right, File.ReadAllBytes(own.FileOf(20)));
    }

    [Fact]
    public void Pieces_that_do_not_come_are_asked_for_again()
    {
        byte[] bytes = Checkpoint(20, LinearJob.Layout);
        Start(TimeSpan.FromMilliseconds(400));
        standby.Tell(new Standbys.Saved(Job, 20, bytes.Length), primary);
        Assert.Equal(0, primary.FishForMessage<Standbys.PiecesWanted>(_ => true).Offset);
        Assert.Equal(0, primary.FishForMessage<Standbys.PiecesWanted>(_ => true).Offset);
        Deliver(20, 0, bytes);
        Assert.Equal("", primary.FishForMessage<Standbys.Fetched>(_ => true).Refusal);
    }

    [Fact]
    public void Workers_are_asked_while_the_primary_is_silent_and_released_when_it_speaks_again()
    {
        var (a, b) = (Guid.NewGuid(), Guid.NewGuid());
        Start(TimeSpan.FromMilliseconds(400));
        Tell(1, a, b);
        standby.Tell(Worker(new Term(1)), TestActor);
        Assert.Equal(new Standbys.MembersTaken(Job, 1, 1), primary.FishForMessage<Standbys.MembersTaken>(_ => true));
        Assert.Equal(new Standbys.Released(Line, new Term(1)), ExpectMsg<Standbys.Released>());
        AwaitAssert(() => Assert.Contains(notes, note => note.Contains("nothing was heard of", StringComparison.Ordinal)));
        standby.Tell(Worker(new Term(1)), TestActor);
        var asked = ExpectMsg<Standbys.Campaign>();
        Assert.Equal(new Term(2), asked.Term);
        standby.Tell(new Standbys.Promise(Line, asked.Term, a), TestActor);
        standby.Tell(Worker(new Term(2)), TestActor);
        ExpectMsg<Standbys.Campaign>();

        Tell(2, a, b);
        standby.Tell(Worker(new Term(2)), TestActor);
        Assert.Equal(new Standbys.Released(Line, new Term(2)), ExpectMsg<Standbys.Released>());
        Assert.False(ended.Task.IsCompleted);
    }

    [Fact]
    public async Task It_takes_over_with_more_than_half_of_the_members_and_then_takes_no_others()
    {
        var workers = Enumerable.Range(0, 3).Select(_ => Guid.NewGuid()).ToArray();
        Start(TimeSpan.FromMilliseconds(400));
        Tell(1, workers);
        primary.FishForMessage<Standbys.MembersTaken>(_ => true);
        AwaitAssert(() => Assert.Contains(notes, note => note.Contains("nothing was heard of", StringComparison.Ordinal)));
        standby.Tell(new Standbys.Promise(Line, new Term(2), workers[0]), TestActor);
        standby.Tell(new Standbys.Promise(Line, new Term(2), workers[0]), TestActor);
        standby.Tell(new Standbys.Promise(Line, new Term(2), Guid.NewGuid()), TestActor);
        standby.Tell(Worker(new Term(1)), TestActor);
        ExpectMsg<Standbys.Campaign>();
        Assert.False(ended.Task.IsCompleted);
        standby.Tell(new Standbys.Promise(Line, new Term(2), workers[2]), TestActor);
        Assert.Equal(new Term(2), Assert.IsType<StandbyActor.Elected>(await ended.Task.WaitAsync(TimeSpan.FromSeconds(10))).Term);
        primary.ReceiveWhile<object>(TimeSpan.FromMilliseconds(50), _ => true);
        Tell(2, workers[0]);
        primary.ExpectNoMsg(TimeSpan.FromMilliseconds(150));
    }

    [Fact]
    public async Task Another_run_of_the_primary_makes_it_begin_anew()
    {
        Start(TimeSpan.FromSeconds(5));
        standby.Tell(Offer with { Job = new JobId(Guid.NewGuid()) }, primary);
        Assert.IsType<StandbyEnd.Again>(await ended.Task.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    private static Standbys.Offer Offer => new(Job, new Term(1), Line, "{}", LinearJob.Layout.Hash, "lease");

    private static Nodes.Hello Worker(Term promised) => new(Membership.ProtocolVersion, "w", new Incarnation(1), 1, "avx2", [], Line, promised);

    private void Start(TimeSpan detection)
    {
        var setup = new StandbySetup
        {
            Primary = primary.Ref.Path.Address, Hello = new Standbys.Hello(Membership.ProtocolVersion, "second", new Incarnation(1), 1, []), Detection = detection, Folder = own,
            Consider = _ => new StandbyChoice.Accept(new StandbyLives(Guid.NewGuid(), 1)), Open = (_, _) => new MemoryStream(), Candidacy = new Candidacy(new Term(0)), Note = notes.Enqueue, Ended = ended,
        };
        standby = Sys.ActorOf(Props.Create(() => new StandbyActor(setup)), "second");
        primary.ExpectMsg<Standbys.Hello>();
        standby.Tell(Offer, primary);
        primary.FishForMessage<Standbys.Accepted>(_ => true);
    }

    private void Tell(long number, params Guid[] workers) => standby.Tell(new Standbys.Members(Job, new Term(1), 1, number, [.. workers]), primary);

    private void Fetch(long step, byte[] bytes)
    {
        standby.Tell(new Standbys.Saved(Job, step, bytes.Length), primary);
        long offset = primary.FishForMessage<Standbys.PiecesWanted>(_ => true).Offset;
        Deliver(step, offset, bytes);
    }

    private void Deliver(long step, long offset, byte[] bytes)
    {
        // One that is not the next first: it changes nothing.
        Piece(step, offset + CheckpointPieces.Bytes, []);
        for (long at = offset; at < bytes.Length; at += CheckpointPieces.Bytes) Piece(step, at, bytes.AsSpan((int)at, (int)Math.Min(CheckpointPieces.Bytes, bytes.Length - at)));
    }

    private void Piece(long step, long offset, ReadOnlySpan<byte> bytes)
    {
        var buffer = new FloatBuffer(CheckpointPieces.Floats);
        bytes.CopyTo(MemoryMarshal.AsBytes(buffer.Span));
        standby.Tell(new TensorArrived(new Standbys.Piece(Job, step, offset), new TensorSlice(buffer, 0, buffer.Length)), primary);
    }

    private byte[] Checkpoint(long step, ParameterLayout layout)
    {
        string path = Path.Combine(folder.Folder, $"{Guid.NewGuid():N}.safetensors");
        // More than one piece of it.
        var extra = new FloatBuffer(CheckpointPieces.Floats + 5000);
        for (int i = 0; i < extra.Length; i++) extra.Span[i] = i;
        CheckpointFile.Write(path, new Checkpoint
        {
            Step = step, Term = 1, Job = "{}", Shards = 4, Numerics = "avx2", LayoutHash = layout.Hash, DataFingerprint = "data", Weights = new FloatBuffer(layout.Length), Extra = [("more", extra)],
        }, layout);
        return File.ReadAllBytes(path);
    }
}
