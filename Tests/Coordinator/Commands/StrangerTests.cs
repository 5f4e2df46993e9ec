using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Tests.Transport;
using DistTrain.Transport;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>What anybody may do to a port that is open: scan it, speak HTTP, begin TLS, send garbage. The job goes on, its bits unchanged.</summary>
public sealed class StrangerTests : EndlessJob
{
    private const int Frames = 1000;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Noise_on_the_ports_of_control_and_tensors_disturbs_nobody(bool tls)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "the ports of a process are found in /proc");
        using var ours = new TestAuthority("ours");
        string Security(string node) => tls ? Tls(ours, node) : "";
        var (serve, port) = await Serve($"--channel tcp --min-workers 2 {Security("coordinator")} {Endless}");
        var workers = new[] { Join(port, $"--name first --channel tcp {Security("first")}"), Join(port, $"--name second --channel tcp {Security("second")}") };
        await MoreStepsAsync(serve);
        var doors = ListeningPorts(serve.Id).Concat(ListeningPorts(workers[0].Id)).ToList();
        Assert.Equal(4, doors.Count);
        Assert.Contains(int.Parse(port, CultureInfo.InvariantCulture), doors);
        foreach (int door in doors) await Task.Run(() => Disturb(door));
        await MoreStepsAsync(serve);
        var result = await StopAsync(serve);
        Assert.DoesNotContain("worker_lost", result.Output);
        Assert.Equal(2, result.Events.Count(e => e.GetProperty("event").GetString() == "worker_joined"));
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task Without_a_certificate_of_the_authority_no_message_arrives()
    {
        using var ours = new TestAuthority("ours");
        using var theirs = new TestAuthority("theirs");
        var (serve, port) = await Serve($"{Tls(ours, "coordinator")} {Endless}");
        var worker = Join(port, Tls(ours, "worker"));
        await MoreStepsAsync(serve);
        string stop = $"stop --coordinator 127.0.0.1:{port} --coordinator-timeout 2";
        var refused = await Task.WhenAll(CommandProcess.RunInAsync(Folder, $"{stop} {Tls(theirs, "stranger")}"), CommandProcess.RunInAsync(Folder, stop));
        foreach (var stranger in refused) Assert.Contains("no coordinator answered", Assert.Single(stranger.ErrorLines));
        await MoreStepsAsync(serve);
        Assert.Equal(0, (await CommandProcess.RunInAsync(Folder, $"{stop}0 {Tls(ours, "friend")}")).ExitCode);
        var result = await serve.EndAsync();
        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith("stopped by stop of", result.Last("interrupted").GetProperty("reason").GetString());
        Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task Without_the_token_no_message_is_heeded_and_nobody_stays_in_the_cluster()
    {
        Write("token", "open sesame");
        var (serve, port) = await Serve($"--token-file token {Endless}");
        var worker = Join(port, "--name friend --token-file token");
        string listens = await worker.LineAsync("friend listens on");
        await MoreStepsAsync(serve);
        // No TLS, and all that can be known without the token: addresses, names of actors, the protocol.
        using var system = NodeSystem.Start(NodeSystem.WorkerRole, new NodeNetwork(), null);
        var heard = new ConcurrentQueue<object>();
        var stranger = system.ActorOf(Props.Create(() => new Listener(heard)), "worker");
        var (theirs, friend) = (NodeSystem.AddressOf($"127.0.0.1:{port}", tls: false), NodeSystem.AddressOf(listens.Split(' ')[3], tls: false));
        var term = new Term(1);
        Tell(theirs, "gate", new Nodes.Ping(default, "stranger"), new Nodes.Bye("friend"), new Nodes.Unfit("friend", "says a stranger"));
        Tell(theirs, "coordinator", new Membership.Join(Membership.ProtocolVersion, "stranger", new Incarnation(1), 1, ""), new Schedule.Stop("says a stranger"), new Progress.Failed(term, "says a stranger"), PoisonPill.Instance, Kill.Instance);
        Tell(theirs, "server-0", new Weights.Wanted(term, new WorkerId(0), -1, [-1], []), new Schedule.JobEnded(term, "says a stranger"), PoisonPill.Instance);
        Tell(theirs, "channels", new DistTrain.Protocol.Channels.Wanted(default));
        Tell(friend, "node", new Schedule.JobEnded(term, "says a stranger"), new Membership.Refused("says a stranger"), PoisonPill.Instance);
        Tell(friend, "worker", new Schedule.JobEnded(term, "says a stranger"), new Membership.Refused("says a stranger"), new Membership.Rejoin(new Term(9)), PoisonPill.Instance);
        Akka.Cluster.Cluster.Get(system).Join(theirs);
        await serve.LineAsync("it has joined the cluster and not the job");
        await MoreStepsAsync(serve, 5);
        var result = await StopAsync(serve);
        Assert.Equal("stopped by the user", result.Last("interrupted").GetProperty("reason").GetString());
        Assert.DoesNotContain("worker_lost", result.Output);
        Assert.Equal("friend", Assert.Single(result.Events, e => e.GetProperty("event").GetString() == "worker_joined").GetProperty("worker").GetString());
        Assert.Equal(0, (await worker.EndAsync()).ExitCode);
        Assert.Empty(heard);

        void Tell(Address node, string actor, params object[] messages)
        {
            foreach (object message in messages) system.ActorSelection(new RootActorPath(node) / "user" / actor).Tell(message, stranger);
        }
    }

    private sealed class Listener(ConcurrentQueue<object> heard) : UntypedActor
    {
        protected override void OnReceive(object message) => heard.Enqueue(message);
    }

    [Theory]
    [InlineData("serve --host 0.0.0.0", 2, "--insecure")]
    [InlineData("serve --host 127.0.0.1 --public-host 10.1.2.3", 2, "--insecure")]
    [InlineData("status --host 0.0.0.0", 2, "--insecure")]
    [InlineData("serve --insecure --host 0.0.0.0 --port 0 --max-steps 1 --data nowhere", 2, "nowhere")]
    public async Task A_network_without_tls_is_for_one_machine_or_asked_for(string arguments, int exitCode, string expected)
    {
        var result = await CommandProcess.RunInAsync(Folder, arguments);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(expected, Assert.Single(result.ErrorLines));
    }

    [Fact]
    public async Task Whoever_asks_for_a_network_without_tls_is_warned()
    {
        var serve = Keep(new CommandProcess(Folder, $"serve --insecure --host 0.0.0.0 --public-host 127.0.0.1 --port 0 {Endless}"));
        Assert.Contains("no TLS", await serve.LineAsync("warning: --insecure"));
        var worker = Join(await PortAsync(serve), "--insecure --host 0.0.0.0 --public-host 127.0.0.1");
        Assert.Contains("no TLS", await worker.LineAsync("warning: --insecure"));
        await MoreStepsAsync(serve);
        await StopAsync(serve);
    }

    private static void Disturb(int port)
    {
        var random = new Random(port);
        Send(port, []);
        Send(port, "\r\n\0\0\0\0SSH-2.0-scan\r\n"u8);
        Send(port, "GET / HTTP/1.1\r\nHost: here\r\n\r\n"u8);
        Send(port, [0x16, 0x03, 0x01, 0x40, 0x00, 0x01, .. Bytes(random, 600)]);
        Send(port, [0xff, 0xff, 0xff, 0x7f, .. Bytes(random, 64)]);
        Send(port, [0xff, 0xff, 0xff, 0xff, .. Bytes(random, 64)]);
        BeginTls(port);
        for (int sent = 0; sent < Frames; sent += 20)
        {
            var frames = new List<byte>();
            for (int i = 0; i < 20; i++) frames.AddRange(Frame(random));
            Send(port, frames.ToArray());
        }
    }

    /// <summary>A frame of remoting with nonsense in it; every other one begins as a message's payload or a control instruction does.</summary>
    private static byte[] Frame(Random random)
    {
        byte[] body = Bytes(random, random.Next(0, 300));
        if (body.Length > 3 && random.Next(2) == 0)
        {
            body[0] = (byte)(random.Next(2) == 0 ? 0x0a : 0x12);
            body[1] = (byte)Math.Min(127, body.Length - 2);
        }
        byte[] frame = new byte[4 + body.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, body.Length);
        body.CopyTo(frame, 4);
        return frame;
    }

    private static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Sends, and waits a moment for an answer or for the door to close; either may happen at any time.</summary>
    private static void Send(int port, ReadOnlySpan<byte> bytes)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 5, SendTimeout = 1000 };
        socket.Connect(IPAddress.Loopback, port);
        try
        {
            socket.Send(bytes);
            socket.Receive(new byte[256]);
        }
        catch (SocketException)
        {
            // Closed, or silent.
        }
    }

    private static void BeginTls(int port)
    {
        using var client = new TcpClient("127.0.0.1", port) { ReceiveTimeout = 500 };
        using var stream = new SslStream(client.GetStream(), false, (_, _, _, _) => true);
        try
        {
            stream.AuthenticateAsClient("here");
            stream.Write(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\n\r\n"));
            stream.ReadByte();
        }
        catch (Exception error) when (error is IOException or AuthenticationException)
        {
            // No TLS there, or none without a certificate.
        }
    }

    /// <summary>The ports that a process listens on, from the kernel's tables.</summary>
    private static List<int> ListeningPorts(int process)
    {
        var sockets = Directory.GetFiles($"/proc/{process}/fd").Select(file => new FileInfo(file).LinkTarget ?? "").Where(target => target.StartsWith("socket:[", StringComparison.Ordinal)).ToHashSet();
        const string Listening = "0A";
        return [.. new[] { "tcp", "tcp6" }.SelectMany(table => File.ReadLines($"/proc/{process}/net/{table}").Skip(1))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(row => row[3] == Listening && sockets.Contains($"socket:[{row[9]}]"))
            .Select(row => int.Parse(row[1].AsSpan(row[1].LastIndexOf(':') + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
    }
}
