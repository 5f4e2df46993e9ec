using System.Net;
using System.Net.Sockets;
using DistTrain.Protocol;
using DistTrain.Transport;
using DistTrain.Transport.Channels;

namespace DistTrain.Tests.Transport;

/// <summary>Connections that are cut, damaged or stand still: every tensor still arrives once, in order, with its bits. Faults per test: 50, or DISTTRAIN_CHANNEL_FAULTS.</summary>
public class ChannelFaultTests
{
    private static readonly int Faults = int.TryParse(Environment.GetEnvironmentVariable("DISTTRAIN_CHANNEL_FAULTS"), out int count) ? count : 50;

    [Theory]
    [InlineData("Cut", ChannelKind.Tcp, false)]
    [InlineData("Cut", ChannelKind.SharedMemory, false)]
    [InlineData("Cut", ChannelKind.SharedMemory, true)]
    [InlineData("FlipBit", ChannelKind.Tcp, false)]
    [InlineData("HalfClose", ChannelKind.Tcp, false)]
    public void Connections_that_break_at_any_byte_lose_and_repeat_nothing(string name, ChannelKind kind, bool shows)
    {
        var fault = Enum.Parse<Fault>(name);
        var random = new Random(1);
        Relay? relay = null;
        // Over shared memory the socket sees little more than the hand-shake and the credit.
        int reach = kind == ChannelKind.Tcp ? 200_000 : 2_500;
        using var pair = new Pair(Pair.Quick with { Window = 256 << 10, StallTimeout = TimeSpan.FromSeconds(2) }, kind: kind, lengths: [20_000, 9_000], through: port =>
        {
            relay = new Relay(port, number => (number < 4 * Faults ? fault : Fault.None, random.Next(reach)));
            return relay.Port;
        });
        var gradients = Enumerable.Range(0, 3).Select(i => pair.Gradient((ulong)i, shows)).ToArray();
        int buckets = pair.Plan.Buckets.Length;
        long sent = 0, received = 0;
        while (relay!.Faults < Faults)
        {
            for (; sent < received + 8; sent++) pair.Send(sent / buckets, (int)(sent % buckets), gradients[sent % 3]);
            Check(pair, received, gradients[received % 3]);
            received++;
        }
        for (; received < sent; received++) Check(pair, received, gradients[received % 3]);
        relay.Dispose();
    }

    [Fact]
    public void A_frame_that_stands_still_closes_the_connection_and_comes_again()
    {
        Relay? relay = null;
        using var pair = new Pair(Pair.Quick with { StallTimeout = TimeSpan.FromMilliseconds(200) }, through: port =>
        {
            relay = new Relay(port, number => (number == 0 ? Fault.Stall : Fault.None, 20_000));
            return relay.Port;
        });
        var gradient = pair.Gradient(1);
        pair.Send(0, 0, gradient);
        Check(pair, 0, gradient);
        pair.AwaitReport("and then nothing for 0.2 s");
        relay!.Dispose();
    }

    [Fact]
    public void Who_connects_and_says_nothing_is_closed_after_the_time_for_the_handshake()
    {
        // Long enough for the pair's own hand-shake on a busy machine: only the first stranger is told of by his own line.
        using var pair = new Pair(Pair.Quick with { HandshakeTimeout = TimeSpan.FromSeconds(1) });
        using var silent = Raw(pair);
        Assert.True(IsClosed(silent));
        pair.AwaitReport("did not finish its hand-shake within 1 s");
        Works(pair);
    }

    [Fact]
    public void Who_drips_bytes_is_closed_after_the_time_for_the_handshake()
    {
        using var pair = new Pair(Pair.Quick with { HandshakeTimeout = TimeSpan.FromMilliseconds(300) });
        using var slow = Raw(pair);
        var started = System.Diagnostics.Stopwatch.StartNew();
        Assert.ThrowsAny<SocketException>(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                slow.Send([0x44]);
                if (slow.Poll(20_000, SelectMode.SelectRead) && slow.Receive(new byte[1]) == 0) throw new SocketException((int)SocketError.ConnectionReset);
            }
        });
        Assert.InRange(started.Elapsed.TotalSeconds, 0.1, 3);
        Works(pair);
    }

    [Fact]
    public void A_hundred_megabytes_of_garbage_cost_no_memory()
    {
        using var pair = new Pair();
        Works(pair);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        byte[] garbage = new byte[1 << 20];
        new Random(2).NextBytes(garbage);
        long accepted = 0;
        while (accepted < 100L << 20)
        {
            using var stranger = Raw(pair);
            try
            {
                for (int i = 0; i < 10; i++) accepted += stranger.Send(garbage);
            }
            catch (SocketException)
            {
                // Closed at its first block: what the kernel took before that is counted as if it had been read.
                accepted += 4 << 20;
            }
        }
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 48L << 20);
        pair.AwaitReport("does not speak this protocol");
        Works(pair);
    }

    [Fact]
    public void Who_does_not_know_the_secret_gets_no_further_than_the_proof()
    {
        using var pair = new Pair(clientSecret: [1, 2, 3]);
        pair.Send(0, 0, pair.Gradient(1));
        pair.AwaitReport("does not know this job's secret");
        Assert.Empty(pair.Received);
        Assert.Empty(pair.Kinds);
    }

    [Fact]
    public void A_proof_made_up_is_refused()
    {
        using var pair = new Pair();
        using var stranger = Raw(pair);
        byte[] hello = new byte[256], answer = new byte[256];
        "DTH1"u8.CopyTo(hello);
        hello[4] = 2;
        pair.Rules.Job.Value.TryWriteBytes(hello.AsSpan(8));
        stranger.Send(hello);
        for (int count = 0, more = 1; count < 256 && more > 0; count += more) more = stranger.Receive(answer.AsSpan(count));
        hello[6] = 2;
        stranger.Send(hello);
        Assert.True(IsClosed(stranger));
        pair.AwaitReport("does not know this job's secret");
        Works(pair);
    }

    [Fact]
    public void Another_jobs_worker_is_told_so()
    {
        using var pair = new Pair();
        using var stranger = Raw(pair);
        byte[] hello = new byte[256];
        "DTH1"u8.CopyTo(hello);
        hello[4] = 2;
        stranger.Send(hello);
        Assert.True(IsClosed(stranger));
        pair.AwaitReport("asks for job 00000000000000000000000000000000");
    }

    private static void Works(Pair pair)
    {
        var gradient = pair.Gradient(9);
        pair.Send(0, 0, gradient);
        Check(pair, 0, gradient);
    }

    private static void Check(Pair pair, long number, DistTrain.Tensors.FloatBuffer gradient)
    {
        int buckets = pair.Plan.Buckets.Length;
        var arrived = pair.Take();
        var what = Assert.IsType<Gradients.Contribution>(arrived.Header).What;
        Assert.Equal((number / buckets, (int)(number % buckets)), (what.Step, what.Bucket));
        Assert.True(arrived.Tensor.Span.SequenceEqual(pair.Slice(what.Bucket, gradient).Span), $"tensor {number} has other floats");
        arrived.Lease!.Dispose();
    }

    /// <summary>Waits for the other end to close, orderly or not.</summary>
    private static bool IsClosed(Socket socket)
    {
        try
        {
            return socket.Receive(new byte[1]) == 0;
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode == SocketError.ConnectionReset;
        }
    }

    private static Socket Raw(Pair pair)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 20_000, SendTimeout = 20_000 };
        socket.Connect(IPAddress.Loopback, pair.Listener.Port);
        return socket;
    }
}
