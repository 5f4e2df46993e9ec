using System.Collections.Immutable;
using System.Security.Cryptography.X509Certificates;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Transport;
using DistTrain.Transport.Channels;
using DistTrain.Transport.Links;

namespace DistTrain.Tests.Transport;

public class TensorChannelTests
{
    [Theory]
    [InlineData(ChannelKind.Tcp)]
    [InlineData(ChannelKind.SharedMemory)]
    public void Tensors_arrive_in_order_with_their_messages_and_their_bits(ChannelKind kind)
    {
        using var pair = new Pair(kind: kind);
        var gradients = Enumerable.Range(0, 4).Select(i => pair.Gradient((ulong)i)).ToArray();
        const int Steps = 50;
        for (int step = 0; step < Steps; step++)
            for (int bucket = 0; bucket < pair.Plan.Buckets.Length; bucket++) pair.Send(step, bucket, gradients[step % 4]);
        for (int step = 0; step < Steps; step++)
        {
            for (int bucket = 0; bucket < pair.Plan.Buckets.Length; bucket++)
            {
                var arrived = pair.Take();
                var header = Assert.IsType<Gradients.Contribution>(arrived.Header);
                Assert.Equal((step, bucket), (header.What.Step, header.What.Bucket));
                Assert.True(arrived.Tensor.Span.SequenceEqual(pair.Slice(bucket, gradients[step % 4]).Span));
                arrived.Lease!.Dispose();
            }
        }
        Assert.Empty(pair.Reports);
        Assert.Equal([kind], pair.Kinds);
    }

    [Fact]
    public void What_waits_leaves_by_step_and_within_a_step_the_lower_buckets_first()
    {
        // Each bucket fills the window: all but the first wait until the one before is given back.
        using var pair = new Pair(Pair.Quick with { Window = 65536 }, lengths: [4 * 16384]);
        var gradient = pair.Gradient(1);
        pair.Send(1, 3, gradient);
        var held = pair.Take();
        for (int step = 1; step >= 0; step--)
            for (int bucket = 3; bucket >= 0; bucket--)
                if ((step, bucket) != (1, 3)) pair.Send(step, bucket, gradient);
        var order = new List<(long, int)>();
        for (int i = 0; i < 7; i++)
        {
            held.Lease!.Dispose();
            held = pair.Take();
            var what = Assert.IsType<Gradients.Contribution>(held.Header).What;
            order.Add((what.Step, what.Bucket));
        }
        held.Lease!.Dispose();
        Assert.Equal([(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2)], order);
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("int8")]
    [InlineData("topk:0.01")]
    [InlineData("powersgd:2")]
    public void Encoded_tensors_arrive_as_decoding_them_here_gives(string text)
    {
        using var pair = new Pair(gradients: text);
        var codec = TensorCodec.Create(CodecSpec.ParseGradient(text));
        var gradient = pair.Gradient(1);
        var state = new CodecState(codec, pair.Layout.Length);
        for (int step = 0; step < 5; step++)
        {
            for (int bucket = 0; bucket < pair.Plan.Buckets.Length; bucket++)
            {
                var slice = pair.Slice(bucket, gradient);
                byte[] bytes = new byte[codec.EncodedLength(slice.Length)];
                int length = codec.Encode(new CodecKey(1, step, 0, slice.Offset), slice.Span, state.For(slice.Offset, slice.Length), bytes);
                pair.Sender.Send(pair.Route, pair.Header(step, bucket), slice with { Encoded = new EncodedTensor(codec, bytes, length) }, null);
                float[] expected = new float[slice.Length];
                Assert.True(codec.TryDecode(bytes, expected, out string? reason), reason);
                pair.Layout.ClearPadding(expected, slice.Offset);
                var arrived = pair.Take();
                Assert.True(arrived.Tensor.Span.SequenceEqual(expected));
                arrived.Lease!.Dispose();
            }
        }
    }

    [Theory]
    [InlineData(ChannelKind.Tcp)]
    [InlineData(ChannelKind.SharedMemory)]
    public void A_slow_receiver_holds_no_more_than_the_window(ChannelKind kind)
    {
        // Every bucket has 64 KiB: four fit the window.
        using var pair = new Pair(Pair.Quick with { Window = 4 * 65536 }, kind: kind, lengths: [65536]);
        var gradient = pair.Gradient(1);
        const int Count = 200;
        for (int step = 0; step < Count; step++) pair.Send(step, 0, gradient);
        var held = new Queue<TensorArrived>();
        for (int i = 0; i < 4; i++) held.Enqueue(pair.Take());
        // A fifth cannot come before one is given back; that it does not is seen by the next one coming at once when one is.
        Assert.False(pair.Received.TryTake(out _, 50));
        Assert.InRange(pair.Context.HeldBytes, 1, 4 * 65536);
        for (int i = 4; i < Count; i++)
        {
            held.Dequeue().Lease!.Dispose();
            held.Enqueue(pair.Take());
        }
        Assert.InRange(pair.Placer.Made, 1, 8);
        Assert.Equal(0, pair.Sender.Dropped);
    }

    [Fact]
    public void A_tensor_that_is_asked_for_again_while_it_is_on_its_way_goes_once()
    {
        using var pair = new Pair(Pair.Quick with { Window = 65536 }, lengths: [4 * 16384]);
        var gradient = pair.Gradient(1);
        var holds = Enumerable.Range(0, 40).Select(_ => new Hold()).ToArray();
        // The first fills the window; whoever asks every second, here ten times, must not keep the last ones from ever leaving.
        for (int round = 0; round < 10; round++)
            for (int bucket = 0; bucket < 4; bucket++) pair.Send(0, bucket, gradient, holds[4 * round + bucket]);
        Assert.Equal(36, holds.Count(hold => hold.Disposed == 1));
        var order = new List<int>();
        for (int bucket = 0; bucket < 4; bucket++)
        {
            var arrived = pair.Take();
            order.Add(Assert.IsType<Gradients.Contribution>(arrived.Header).What.Bucket);
            arrived.Lease!.Dispose();
        }
        Assert.Equal([0, 1, 2, 3], order);
        Assert.True(SpinWait.SpinUntil(() => holds.All(hold => hold.Disposed == 1), TimeSpan.FromSeconds(20)));
        Assert.Equal(0, pair.Sender.Dropped);
        // Once it is there, it is sent to whoever asks for it again.
        pair.Send(0, 2, gradient);
        pair.Take().Lease!.Dispose();
        Assert.Empty(pair.Received);
    }

    [Fact]
    public void A_tensor_longer_than_the_window_travels_alone()
    {
        using var pair = new Pair(Pair.Quick with { Window = 1000 });
        var gradient = pair.Gradient(1);
        for (int step = 0; step < 3; step++) pair.Send(step, 0, gradient);
        for (int step = 0; step < 3; step++) pair.Take().Lease!.Dispose();
    }

    [Fact]
    public void More_than_the_queue_holds_is_dropped_and_counted()
    {
        using var pair = new Pair(Pair.Quick with { LongestQueue = 10, Window = 1000 });
        var gradient = pair.Gradient(1);
        var holds = Enumerable.Range(0, 100).Select(_ => new Hold()).ToArray();
        for (int step = 0; step < holds.Length; step++) pair.Send(step, 0, gradient, holds[step]);
        Assert.InRange(pair.Sender.Dropped, 80, 90);
        pair.Sender.Dispose();
        Assert.All(holds, hold => Assert.Equal(1, hold.Disposed));
    }

    [Fact]
    public void Tensors_that_nobody_needs_are_dropped_and_give_their_credit_back()
    {
        using var pair = new Pair(Pair.Quick with { Window = 65536 });
        var gradient = pair.Gradient(1);
        pair.Placer.Answer = Placement.Discard;
        for (int step = 0; step < 20; step++) pair.Send(step, 0, gradient);
        Assert.True(SpinWait.SpinUntil(() => pair.Sender.SentBytes == 20L * pair.Plan.Buckets[0].Length * 4, TimeSpan.FromSeconds(20)));
        Assert.Empty(pair.Received);
    }

    [Fact]
    public void A_tensor_that_breaks_the_rules_is_the_senders_error()
    {
        using var pair = new Pair(gradients: "int8");
        var gradient = pair.Gradient(1);
        var hold = new Hold();
        Assert.Contains("comes with its", Assert.Throws<ArgumentException>(() => pair.Send(0, 0, gradient, hold)).Message);
        Assert.Equal(1, hold.Disposed);
        var half = pair.Slice(0, gradient) with { Length = 100 };
        Assert.Contains("has 100 floats", Assert.Throws<ArgumentException>(() => pair.Sender.Send(pair.Route, pair.Header(0, 0), half, null)).Message);
    }

    [Fact]
    public void A_tensor_with_no_place_closes_the_connection_with_a_reason()
    {
        using var pair = new Pair();
        pair.Placer.Answer = Placement.Refuse;
        pair.Send(7, 0, pair.Gradient(1));
        pair.AwaitReport("there is no place for bucket 0 of step 7");
    }

    [Fact]
    public void Under_TLS_nodes_of_one_authority_talk_and_others_do_not()
    {
        string folder = Directory.CreateTempSubdirectory("channel-tls-").FullName;
        using var authority = new TestAuthority("ours");
        using var other = new TestAuthority("another");
        try
        {
            using var identity = NodeIdentity.Load(authority.Write(folder, "node"));
            using var stranger = NodeIdentity.Load(other.Write(folder, "stranger"));
            using var pair = new Pair(identity: identity);
            var gradient = pair.Gradient(1);
            pair.Send(0, 0, gradient);
            var arrived = pair.Take();
            Assert.True(arrived.Tensor.Span.SequenceEqual(pair.Slice(0, gradient).Span));
            arrived.Lease!.Dispose();
            Assert.Throws<ChannelException>(() => TcpConnector.Connect("127.0.0.1", pair.Listener.Port, stranger, TimeSpan.FromSeconds(5)).ReceiveExactly(new byte[1], "an answer"));
            pair.Send(1, 0, gradient);
            pair.Take().Lease!.Dispose();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_contribution_of_all_leaves_of_a_large_job_says_what_each_found()
    {
        const int Leaves = 8192;
        using var pair = new Pair(leaves: Leaves);
        var gradient = pair.Gradient(1);
        var found = Enumerable.Range(0, Leaves).Select(i => new Gradients.Leaf(int.MaxValue - i, int.MaxValue, 1.5, -1.5, long.MaxValue, long.MaxValue, int.MaxValue)).ToImmutableArray();
        var header = pair.Header(0, 0) with { What = pair.Header(0, 0).What with { Hi = Leaves }, Leaves = found };
        pair.Sender.Send(pair.Route, header, pair.Slice(0, gradient), null);
        var arrived = pair.Take();
        Assert.Equal(found.ToArray(), Assert.IsType<Gradients.Contribution>(arrived.Header).Leaves.ToArray());
        Assert.True(arrived.Tensor.Span.SequenceEqual(pair.Slice(0, gradient).Span));
    }

    [Fact]
    public void Whatever_goes_wrong_on_a_senders_thread_is_reported_and_tried_again()
    {
        using var pair = new Pair(failures: 3);
        pair.Send(0, 0, pair.Gradient(1));
        pair.Take().Lease!.Dispose();
        pair.AwaitReport("to test: InvalidOperationException: a defect");
    }

    [Fact]
    public void Whatever_a_certificate_brings_about_ends_its_connection_alone()
    {
        string folder = Directory.CreateTempSubdirectory("channel-tls-").FullName;
        using var authority = new TestAuthority("ours");
        try
        {
            using var good = NodeIdentity.Load(authority.Write(folder, "node"));
            // Of an authority that is gone: every look at a peer's certificate throws.
            var gone = X509CertificateLoader.LoadCertificate(good.Certificate.RawData);
            gone.Dispose();
            using var pair = new Pair(identity: NodeIdentity.From(good.Certificate, [gone]));
            Assert.Throws<ChannelException>(() => TcpConnector.Connect("127.0.0.1", pair.Listener.Port, good, TimeSpan.FromSeconds(5)).ReceiveExactly(new byte[1], "an answer"));
            pair.AwaitReport("channel closed: CryptographicException");
            pair.AwaitReport("no connection to 127.0.0.1");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("127.0.0.1", 70_000)]
    [InlineData("127.0.0.1", -1)]
    [InlineData(null, 5000)]
    public void An_address_that_cannot_be_is_no_connection(string? host, int port) =>
        Assert.Contains("no connection to", Assert.Throws<ChannelException>(() => TcpConnector.Connect(host!, port, null, TimeSpan.FromSeconds(5))).Message);

    [Fact]
    public void Rings_leave_no_file_behind_and_only_their_owner_may_open_them()
    {
        var ring = SharedRing.Create(65536, out string name);
        string path = SharedRing.PathOf(name);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        using (ring)
        using (SharedRing.Open(name, 65536)) SharedRing.Unlink(name);
        Assert.False(File.Exists(path));
        using var pair = new Pair(kind: ChannelKind.SharedMemory);
        pair.Send(0, 0, pair.Gradient(1));
        pair.Take().Lease!.Dispose();
        using var maps = new StreamReader("/proc/self/maps");
        var open = maps.ReadToEnd().Split('\n').Where(line => line.Contains("disttrain-")).ToArray();
        Assert.NotEmpty(open);
        Assert.All(open, line => Assert.EndsWith("(deleted)", line));
    }

    [Theory]
    [InlineData("../etc/passwd")]
    [InlineData("disttrain-0123456789abcdef0123456789abcdeg")]
    [InlineData("disttrain-../../../../../etc/passwd0000000")]
    [InlineData("")]
    public void A_peer_can_name_no_file_but_ours(string name) => Assert.Throws<IOException>(() => SharedRing.PathOf(name));

    private sealed class Hold : IDisposable
    {
        public int Disposed { get; private set; }

        public void Dispose() => Disposed++;
    }
}
