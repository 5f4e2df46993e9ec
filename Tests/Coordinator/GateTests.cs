using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Cluster;
using DistTrain.Coordinator.Serving;
using DistTrain.Protocol;
using DistTrain.Simd;
using DistTrain.Transport;
using DistTrain.Worker.Node;

namespace DistTrain.Tests.Coordinator;

/// <summary>The gate and a node made by hand, in two systems that speak over loopback.</summary>
public sealed class GateTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ExtendedActorSystem coordinator = NodeSystem.Start(NodeSystem.CoordinatorRole, new NodeNetwork(), null), other = NodeSystem.Start(NodeSystem.WorkerRole, new NodeNetwork(), null);
    private readonly TaskCompletionSource allGone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<object> heard = new();
    private readonly SemaphoreSlim arrived = new(0);
    private readonly ConcurrentQueue<string> reports = new();
    private readonly JobId job = new(Guid.NewGuid());
    private readonly IActorRef gate, node;
    private readonly ActorSelection toGate;

    public GateTests()
    {
        gate = Open(Setup(), "gate");
        node = other.ActorOf(Props.Create(() => new Listener(heard, arrived)), "node");
        toGate = other.ActorSelection(new RootActorPath(coordinator.Provider.DefaultAddress) / "user" / "gate");
    }

    private GateSetup Setup() => new()
    {
        Job = job,
        Term = new Term(1),
        Numerics = SimdLevel.Portable,
        Gathered = new TaskCompletionSource<SimdLevel>(),
        Report = reports.Enqueue,
        Status = () => throw new InvalidOperationException("nobody asks"),
        Stop = _ => { },
        AllGone = allGone,
    };

    private IActorRef Open(GateSetup setup, string name)
    {
        var opened = coordinator.ActorOf(Props.Create(() => new Gate(setup)), name);
        opened.Tell(new Gate.Opened(new Nodes.Offer(job, setup.Term, "{}", "", "", "", 1, 1, false, opened), SimdLevel.Portable, []));
        return opened;
    }

    public void Dispose() => Task.WaitAll([coordinator.Terminate(), other.Terminate()], Patience);

    [Fact]
    public async Task A_node_is_told_of_the_end_until_it_says_goodbye()
    {
        await PassAsync();
        gate.Tell(Gate.JobOver.Instance);
        for (int i = 0; i < 3; i++) Assert.IsType<Schedule.JobEnded>(await NextAsync());
        Assert.False(allGone.Task.IsCompleted);
        toGate.Tell(new Nodes.Bye("node"), node);
        await allGone.Task.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_node_that_ends_at_once_has_said_goodbye()
    {
        var offered = new TaskCompletionSource<(Nodes.Offer, IActorRef)>(TaskCreationOptions.RunContinuationsAsynchronously);
        var ended = new TaskCompletionSource<NodeEnd>(TaskCreationOptions.RunContinuationsAsynchronously);
        var hello = new Nodes.Hello(Membership.ProtocolVersion, "agent", new Incarnation(1), 1, "portable", []);
        var agent = other.ActorOf(Props.Create(() => new NodeAgent(new List<Address> { coordinator.Provider.DefaultAddress }, hello, new Allegiance(), Patience, offered, ended)), "agent");
        await offered.Task.WaitAsync(Patience);
        gate.Tell(Gate.JobOver.Instance);
        await NodeAgent.FarewellAsync(agent, "agent", Patience);
        await other.Terminate();
        await allGone.Task.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_node_whose_channel_broke_hears_of_the_end_too()
    {
        await PassAsync();
        gate.Tell(new Gate.ChannelBroken(other.Provider.DefaultAddress));
        gate.Tell(Gate.JobOver.Instance);
        Assert.IsType<Schedule.JobEnded>(await NextAsync());
        toGate.Tell(new Nodes.Bye("node"), node);
        await allGone.Task.WaitAsync(Patience);
    }

    [Fact]
    public async Task One_that_did_not_pass_learns_nothing_of_the_job()
    {
        toGate.Tell(new Nodes.Ping(default, "node"), node);
        Assert.Equal(new Nodes.Pong(default), await NextAsync());
        await PassAsync();
        toGate.Tell(new Nodes.Ping(job, "node"), node);
        Assert.Equal(new Nodes.Pong(job), await NextAsync());
    }

    [Fact]
    public async Task When_the_run_goes_back_nodes_are_sent_to_begin_anew()
    {
        await PassAsync();
        gate.Tell(Gate.GoesBack.Instance);
        Assert.Equal(new Nodes.Pong(default), await NextAsync());
        toGate.Tell(new Nodes.Bye("node"), node);
        await allGone.Task.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_node_that_passes_and_never_comes_is_forgotten()
    {
        var left = new TaskCompletionSource<Address>(TaskCreationOptions.RunContinuationsAsynchronously);
        Open(Setup() with { ComesWithin = TimeSpan.FromMilliseconds(200), Disconnect = address => left.TrySetResult(address) }, "quick");
        var toQuick = other.ActorSelection(new RootActorPath(coordinator.Provider.DefaultAddress) / "user" / "quick");
        toQuick.Tell(Hello("node"), node);
        Assert.IsType<Nodes.Offer>(await NextAsync());
        Assert.Equal(other.Provider.DefaultAddress, await left.Task.WaitAsync(Patience));
        Assert.Contains(reports, line => line.Contains("node is gone: it was told of the job and has not come", StringComparison.Ordinal));
        toQuick.Tell(new Nodes.Ping(job, "node"), node);
        Assert.Equal(new Nodes.Pong(default), await NextAsync());
    }

    [Fact]
    public async Task A_second_living_worker_of_a_name_is_refused_and_one_that_comes_back_is_not()
    {
        var third = NodeSystem.Start(NodeSystem.WorkerRole, new NodeNetwork(), null);
        try
        {
            var (seen, came) = (new ConcurrentQueue<object>(), new SemaphoreSlim(0));
            var twin = third.ActorOf(Props.Create(() => new Listener(seen, came)), "node");
            var fromTwin = third.ActorSelection(new RootActorPath(coordinator.Provider.DefaultAddress) / "user" / "gate");
            await PassAsync();
            fromTwin.Tell(Hello("node"), twin);
            // The first one lives, and says so after the second has asked, which asks again.
            object answer;
            do
            {
                toGate.Tell(new Nodes.Ping(job, "node"), node);
                await NextAsync();
                fromTwin.Tell(Hello("node"), twin);
                answer = await came.WaitAsync(TimeSpan.FromMilliseconds(100)) && seen.TryDequeue(out object? message) ? message : "";
            }
            while (answer is "");
            Assert.Equal("another worker of this name takes part: give it a --name of its own", Assert.IsType<Membership.Refused>(answer).Reason);
            Assert.Contains(reports, line => line.Contains("node (process 1) is refused: another worker of this name takes part", StringComparison.Ordinal));
            gate.Tell(new Gate.ChannelBroken(other.Provider.DefaultAddress));
            while (await came.WaitAsync(TimeSpan.Zero)) seen.TryDequeue(out _);
            fromTwin.Tell(Hello("node"), twin);
            Assert.True(await came.WaitAsync(Patience));
            do Assert.True(seen.TryDequeue(out object? message) && (answer = message) is not null);
            while (answer is Membership.Refused && await came.WaitAsync(Patience));
            Assert.IsType<Nodes.Offer>(answer);
        }
        finally
        {
            await third.Terminate();
        }
    }

    [Fact]
    public async Task One_that_is_started_again_at_its_port_is_let_in_once_its_earlier_life_is_over()
    {
        var (ours, theirs) = (Cluster.Get(coordinator), Cluster.Get(other));
        ours.Join(ours.SelfAddress);
        await PassAsync(theirs.SelfUniqueAddress.Uid);
        theirs.Join(ours.SelfAddress);
        await WaitAsync(() => ours.State.Members.Any(member => member.UniqueAddress == theirs.SelfUniqueAddress));
        var address = theirs.SelfAddress;
        // It leaves without a word, as one that is killed.
        await other.Terminate();
        using var again = NodeSystem.Start(NodeSystem.WorkerRole, new NodeNetwork { Port = address.Port!.Value }, null);
        var itself = Cluster.Get(again);
        var life = again.ActorOf(Props.Create(() => new Listener(heard, arrived)), "node");
        var toGate = again.ActorSelection(new RootActorPath(coordinator.Provider.DefaultAddress) / "user" / "gate");
        await WaitAsync(() =>
        {
            if (heard.IsEmpty) toGate.Tell(Hello("node", itself.SelfUniqueAddress.Uid), life);
            return !heard.IsEmpty;
        });
        Assert.All(heard, message => Assert.IsType<Nodes.Offer>(message));
        itself.Join(ours.SelfAddress);
        await WaitAsync(() => ours.State.Members.Any(member => member.UniqueAddress == itself.SelfUniqueAddress && member.Status == MemberStatus.Up));
        heard.Clear();
        toGate.Tell(new Nodes.Ping(job, "node"), life);
        await WaitAsync(() => !heard.IsEmpty);
        Assert.Equal(new Nodes.Pong(job), Assert.Single(heard, message => message is not Nodes.Offer));
    }

    [Fact]
    public async Task A_name_that_would_write_for_itself_is_refused_and_many_refusals_are_few_lines()
    {
        for (int i = 0; i < 50; i++)
        {
            toGate.Tell(Hello($"node\n{i}\u001b[2J", 1), node);
            Assert.Equal("its name has to be of 1 to 128 printable characters", Assert.IsType<Membership.Refused>(await NextAsync()).Reason);
        }
        Assert.Equal(20, reports.Count);
        Assert.StartsWith("node 0?[2J (process 1) is refused: its name", reports.First(), StringComparison.Ordinal);
        await PassAsync();
    }

    [Fact]
    public async Task A_refusal_that_comes_from_elsewhere_than_a_coordinator_is_heeded_by_nobody()
    {
        var offered = new TaskCompletionSource<(Nodes.Offer, IActorRef)>(TaskCreationOptions.RunContinuationsAsynchronously);
        var ended = new TaskCompletionSource<NodeEnd>(TaskCreationOptions.RunContinuationsAsynchronously);
        var nobody = new Address("akka.tcp", NodeSystem.Name, "127.0.0.1", 1);
        var hello = Hello("agent", 1);
        var agent = other.ActorOf(Props.Create(() => new NodeAgent(new List<Address> { nobody }, hello, new Allegiance(), Patience, offered, ended)), "agent");
        agent.Tell(new Membership.Refused("says a stranger"), node);
        agent.Tell(new Schedule.JobEnded(new Term(1), "over"), node);
        Assert.IsType<NodeEnd.Done>(await ended.Task.WaitAsync(Patience));
    }

    private static Nodes.Hello Hello(string name, int life = 1) => new(Membership.ProtocolVersion, name, new Incarnation(life), 1, Numerics.Name(SimdLevel.Portable), []);

    private static async Task WaitAsync(Func<bool> condition)
    {
        for (long start = Environment.TickCount64; !condition(); await Task.Delay(20)) Assert.True(Environment.TickCount64 - start < Patience.TotalMilliseconds);
    }

    private async Task PassAsync(int life = 1)
    {
        toGate.Tell(Hello("node", life), node);
        Assert.IsType<Nodes.Offer>(await NextAsync());
    }

    private async Task<object> NextAsync()
    {
        Assert.True(await arrived.WaitAsync(Patience));
        Assert.True(heard.TryDequeue(out object? message));
        return message;
    }

    private sealed class Listener(ConcurrentQueue<object> heard, SemaphoreSlim arrived) : UntypedActor
    {
        protected override void OnReceive(object message)
        {
            heard.Enqueue(message);
            arrived.Release();
        }
    }
}
