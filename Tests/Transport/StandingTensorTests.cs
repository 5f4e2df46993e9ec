using System.Runtime.CompilerServices;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Transport;
using DistTrain.Transport.Channels;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Tests.Transport;

/// <summary>Tensors that receivers read in the sender's memory.</summary>
public sealed class StandingTensorTests
{
    private const int Floats = 40_000;

    private static FloatBuffer Shown(int length = Floats)
    {
        var buffer = FloatBuffer.ToSendFrom(length);
        Skip.If(buffer.File is null, "this system has no memory files");
        return buffer;
    }

    private static string Words(FloatBuffer buffer, int? process = null) => $"{process ?? Environment.ProcessId}\n{buffer.File!.Descriptor}\n{buffer.File.Id:N}\n{buffer.Length}";

    [SkippableFact]
    public void What_may_stay_is_read_where_it_stands_and_never_copied()
    {
        Shown();
        using var pair = new Pair(kind: ChannelKind.SharedMemory);
        pair.Placer.Stays = true;
        var gradient = pair.Gradient(1, shows: true);
        for (int step = 0; step < 20; step++)
        {
            for (int bucket = 0; bucket < pair.Plan.Buckets.Length; bucket++)
            {
                pair.Send(step, bucket, gradient);
                var arrived = pair.Take();
                Assert.True(arrived.Tensor.Span.SequenceEqual(pair.Slice(bucket, gradient).Span));
                Assert.Null(arrived.Lease);
                Assert.NotSame(gradient, arrived.Tensor.Buffer);
                pair.Slice(bucket, gradient).Span[0] = step;
                Assert.Equal(step, arrived.Tensor.Span[0]);
            }
        }
        Assert.Equal(0, pair.Placer.Made);
        Assert.Empty(pair.Reports);
    }

    [SkippableFact]
    public void Where_memory_is_not_reached_what_stands_in_it_travels_like_all_else()
    {
        Shown();
        using var pair = new Pair();
        pair.Placer.Stays = true;
        var gradient = pair.Gradient(1, shows: true);
        pair.Send(0, 0, gradient);
        var arrived = pair.Take();
        Assert.True(arrived.Tensor.Span.SequenceEqual(pair.Slice(0, gradient).Span));
        Assert.Null(arrived.Tensor.Buffer!.File);
        arrived.Lease!.Dispose();
        Assert.Empty(pair.Reports);
    }

    [SkippableFact]
    public void What_may_not_stay_is_copied_to_its_place_before_it_is_confirmed()
    {
        Shown();
        using var pair = new Pair(kind: ChannelKind.SharedMemory);
        var gradient = pair.Gradient(1, shows: true);
        float[] expected = pair.Slice(0, gradient).Span.ToArray();
        using var confirmed = new ManualResetEventSlim();
        pair.Send(0, 0, gradient, new Set(confirmed));
        var arrived = pair.Take();
        Assert.True(confirmed.Wait(TimeSpan.FromSeconds(20)));
        gradient.Span.Clear();
        Assert.True(arrived.Tensor.Span.SequenceEqual(expected));
        Assert.Null(arrived.Tensor.Buffer!.File);
        arrived.Lease!.Dispose();
        Assert.Empty(pair.Reports);
    }

    [SkippableFact]
    public void Many_buffers_of_one_sender_are_told_apart()
    {
        Shown();
        using var pair = new Pair(kind: ChannelKind.SharedMemory);
        // More than a connection may show: the last ones go through the ring.
        var gradients = Enumerable.Range(0, MemoryViews.Most + 6).Select(i => pair.Gradient((ulong)i, shows: true)).ToArray();
        for (int step = 0; step < 2 * gradients.Length; step++)
        {
            pair.Send(step, 0, gradients[step % gradients.Length]);
            var arrived = pair.Take();
            Assert.True(arrived.Tensor.Span.SequenceEqual(pair.Slice(0, gradients[step % gradients.Length]).Span));
            arrived.Lease!.Dispose();
        }
        Assert.Empty(pair.Reports);
    }

    [SkippableFact]
    public void A_tensor_that_changes_on_its_way_is_refused()
    {
        using var system = ActorSystem.Create("changes", ProtocolConfig.Shared);
        Shown();
        using var pair = new Pair();
        foreach (bool stays in (bool[])[false, true])
        {
            pair.Placer.Stays = stays;
            var gradient = pair.Gradient(1, shows: true);
            var writing = new BytesLink { ShowsMemory = true };
            new FrameWriter(pair.Rules, new TensorMessages(system)).Write(writing, new Outgoing(pair.Header(0, 0), pair.Slice(0, gradient), 1, null) { Sequence = 1 });
            // The floats are not among the bytes.
            Assert.InRange(writing.Written.Length, 1, 1024);
            Assert.Equal(FrameKind.Tensor, Read(pair, writing.Written).Header.Kind);
            gradient.Span[17] += 1;
            Assert.Contains("has checksum", Assert.Throws<ChannelException>(() => Read(pair, writing.Written)).Message);
        }
    }

    [SkippableFact]
    public void Over_a_connection_that_reaches_no_memory_none_may_be_named()
    {
        using var system = ActorSystem.Create("unreached", ProtocolConfig.Shared);
        Shown();
        using var pair = new Pair();
        var gradient = pair.Gradient(1, shows: true);
        var writing = new BytesLink { ShowsMemory = true };
        new FrameWriter(pair.Rules, new TensorMessages(system)).Write(writing, new Outgoing(pair.Header(0, 0), pair.Slice(0, gradient), 1, null) { Sequence = 1 });
        Assert.Contains("names memory that cannot be reached from here", Assert.Throws<ChannelException>(() => Read(pair, writing.Written, reaches: false)).Message);
    }

    [SkippableFact]
    public void A_receiver_believes_nothing_about_memory()
    {
        var views = new MemoryViews();
        var buffer = Shown();
        foreach (string words in (string[])["", "1", "a\nb\nc\nd", "-1\n2\n3\n4", $"{Words(buffer)}\n5"])
        {
            if (words.Length == 0) views.Take("peer", 1, words);
            else Assert.Contains("words that say nothing", Assert.Throws<ChannelException>(() => views.Take("peer", 1, words)).Message);
        }
        Assert.Contains("cannot be opened here", Assert.Throws<ChannelException>(() => views.Take("peer", 1, Words(buffer, process: int.MaxValue))).Message);
        var header = new FrameHeader { Memory = 1, MemoryOffset = 0, Floats = Floats };
        Assert.Contains("which it has not shown", Assert.Throws<ChannelException>(() => views.Of("peer", header)).Message);
        views.Take("peer", 1, Words(buffer));
        Assert.Contains("again", Assert.Throws<ChannelException>(() => views.Take("peer", 1, Words(buffer))).Message);
        Assert.Equal(Floats, views.Of("peer", header).Span.Length);
        foreach (var outside in (FrameHeader[])[header with { MemoryOffset = 1 }, header with { MemoryOffset = -1 }, header with { MemoryOffset = int.MaxValue }, header with { Floats = Floats + 1 }])
            Assert.Contains($"which has {Floats}", Assert.Throws<ChannelException>(() => views.Of("peer", outside)).Message);
        views.Take("peer", 1, "");
        Assert.Contains("which it has not shown", Assert.Throws<ChannelException>(() => views.Of("peer", header)).Message);
    }

    [SkippableFact]
    public void Files_that_are_no_more_make_room_for_others()
    {
        using var system = ActorSystem.Create("offers", ProtocolConfig.Shared);
        Shown();
        using var pair = new Pair();
        var writer = new FrameWriter(pair.Rules, new TensorMessages(system));
        var link = new BytesLink { ShowsMemory = true };
        var offers = new MemoryOffers();
        var kept = Enumerable.Range(0, MemoryViews.Most).Select(_ => Shown(2000)).ToList();
        var numbers = kept.Select(buffer => offers.NumberOf(new TensorSlice(buffer, 0, 2000), writer, link)).ToArray();
        Assert.Equal(Enumerable.Range(1, MemoryViews.Most), numbers);
        Assert.Equal(numbers, kept.Select(buffer => offers.NumberOf(new TensorSlice(buffer, 0, 2000), writer, link)));
        Assert.Equal(0, offers.NumberOf(new TensorSlice(Shown(2000), 0, 2000), writer, link));
        Assert.Equal(0, offers.NumberOf(new TensorSlice(new FloatBuffer(2000), 0, 2000), writer, link));
        kept.Clear();
        Collect();
        Assert.Equal(MemoryViews.Most + 1, offers.NumberOf(new TensorSlice(Shown(2000), 0, 2000), writer, link));
        GC.KeepAlive(kept);
    }

    [Fact]
    public void A_session_goes_on_only_when_nobody_reads_for_it_any_more()
    {
        var session = new InboundSession(Guid.NewGuid(), 1 << 20);
        session.Displace(TimeSpan.Zero);
        var first = new BytesLink();
        session.Attach(first);
        Assert.Contains("still being read", Assert.Throws<ChannelException>(() => session.Displace(TimeSpan.FromMilliseconds(20))).Message);
        Assert.True(first.IsDisposed);
        var second = new Thread(() =>
        {
            session.Displace(TimeSpan.FromSeconds(30));
            session.Attach(new BytesLink());
        });
        second.Start();
        Assert.False(second.Join(50));
        session.Detach(first);
        Assert.True(second.Join(TimeSpan.FromSeconds(30)));
        Assert.Contains("two connections for one session", Assert.Throws<ChannelException>(() => session.Attach(new BytesLink())).Message);
    }

    private static Incoming Read(Pair pair, byte[] bytes, bool reaches = true)
    {
        var link = new BytesLink { ShowsMemory = reaches };
        link.Reset(bytes, bytes.Length);
        var reader = new FrameReader(pair.Rules, pair.Placer);
        Assert.True(reader.TryRead(link, out var frame));
        return frame.Header.Kind == FrameKind.Memory && reader.TryRead(link, out var next) ? next : frame;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Collect()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private sealed class Set(ManualResetEventSlim done) : IDisposable
    {
        public void Dispose() => done.Set();
    }
}
