using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Cluster;
using DistTrain.Protocol;
using DistTrain.Simd;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker.Node;

namespace DistTrain.Tests.Worker;

/// <summary>A worker's node among actors that play its coordinator.</summary>
public sealed class WorkerNodeTests : IDisposable
{
    private readonly ExtendedActorSystem system = NodeSystem.Start(NodeSystem.CoordinatorRole, new NodeNetwork(), null);
    private readonly ConcurrentQueue<string> notes = new();
    private readonly ConcurrentQueue<Incarnation> joined = new();

    public void Dispose() => system.Terminate().Wait(TimeSpan.FromSeconds(20));

    [Fact]
    public async Task A_worker_that_fails_begins_anew_once_and_ends_when_it_fails_again_soon()
    {
        var cluster = Cluster.Get(system);
        cluster.Join(cluster.SelfAddress);
        var options = new JobOptions { Data = "digits:60,20", Consistency = Consistency.Parse("async") };
        var job = JobBuilder.Build(options, 1, null);
        using var replica = new ModelReplica(job);
        var (id, incarnations) = (new JobId(Guid.NewGuid()), joined);
        var coordinator = system.ActorOf(Props.Create(() => new Welcoming(id, incarnations)), "coordinator");
        var resolved = options.Resolved(job) with { Numerics = Numerics.Name(Numerics.Level) };
        var offer = new Nodes.Offer(id, new Term(1), JobJson.Of(resolved), replica.Layout.Hash, job.Data.Fingerprint, job.Data.Summary, 1, 4 << 20, false, coordinator, Guid.NewGuid());
        system.ActorOf(Props.Create(() => new Admitting(offer)), "gate");
        var join = new JoinOptions { Coordinator = $"127.0.0.1:{system.Provider.DefaultAddress.Port}", Name = "worker", CoordinatorTimeout = TimeSpan.FromSeconds(30) };
        var end = await WorkerNode.LiveAsync(join, null, notes.Enqueue, CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Contains("IndexOutOfRangeException", Assert.IsType<NodeEnd.Failed>(end).Error, StringComparison.Ordinal);
        Assert.Single(notes, note => note.Contains("the worker failed: IndexOutOfRangeException", StringComparison.Ordinal) && note.EndsWith("its shards move on, it joins again", StringComparison.Ordinal));
        Assert.Equal(2, joined.Distinct().Count());
    }

    /// <summary>Lets everybody in.</summary>
    private sealed class Admitting(Nodes.Offer offer) : UntypedActor
    {
        protected override void OnReceive(object message)
        {
            if (message is Nodes.Hello) Sender.Tell(offer, Self);
            else if (message is Nodes.Ping) Sender.Tell(new Nodes.Pong(offer.Job, 1), Self);
        }
    }

    /// <summary>Welcomes workers to a job that has no server, which no worker is made for.</summary>
    private sealed class Welcoming(JobId job, ConcurrentQueue<Incarnation> joined) : UntypedActor
    {
        protected override void OnReceive(object message)
        {
            if (message is not Membership.Join join) return;
            joined.Enqueue(join.Incarnation);
            Sender.Tell(new Membership.Welcome(job, new Term(1), new WorkerId(joined.Count), join.Incarnation, []), Self);
        }
    }
}
