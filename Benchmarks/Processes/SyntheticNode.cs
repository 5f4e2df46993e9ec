using System.Globalization;
using Akka.Actor;
using Akka.Cluster;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Transport.Frames;
using DistTrain.Worker;
using DistTrain.Worker.Compute;

namespace DistTrain.Benchmarks.Processes;

/// <summary>A worker's process for a <see cref="SyntheticJob"/>: the worker's actor, channels and thread as <c>join</c> has them.</summary>
internal static class SyntheticNode
{
    /// <summary>Arguments: the coordinator's host:port, the job's id, megabytes, workers, the channel.</summary>
    public static int Run(string[] args)
    {
        var address = NodeSystem.AddressOf(args[0], tls: false);
        var id = new JobId(Guid.Parse(args[1]));
        int megabytes = int.Parse(args[2], CultureInfo.InvariantCulture), workers = int.Parse(args[3], CultureInfo.InvariantCulture);
        var network = new NodeNetwork { Channel = ChannelChoices.Parse(args[4]) };
        var system = NodeSystem.Start(NodeSystem.WorkerRole, network, null);
        var cluster = Cluster.Get(system);
        cluster.Join(address);
        system.ActorOf(Props.Create(() => new EchoActor()), EchoActor.Name);
        var job = SyntheticJob.Of(megabytes, workers);
        var buckets = new BucketPlan(job.Layout, 1, new Coordinator.ClusterOptions().BucketBytes);
        using var hub = new ChannelHub(system, new ChannelHubOptions { Rules = new FrameRules(id, buckets, job.Plan.Pieces), Choice = network.Channel });
        using var group = new ComputeGroup();
        var store = new WeightStore(-1, new FloatBuffer(job.Layout.Length));
        var coordinator = system.ActorSelection(new RootActorPath(address) / "user" / "coordinator").ResolveOne(TimeSpan.FromSeconds(30)).GetAwaiter().GetResult();
        var setup = new WorkerSetup
        {
            Name = $"synthetic-{Environment.ProcessId}",
            Incarnation = new Incarnation(cluster.SelfUniqueAddress.Uid),
            Coordinator = coordinator,
            Plan = job.Plan,
            Buckets = buckets,
            Allocate = network.Allocate,
            CreateReplica = () => job.CreateReplica(0),
            Compute = group.Add("worker"),
            Store = store,
            Connect = hub.Connect,
            Clock = new SystemClock(system),
        };
        var worker = system.ActorOf(Props.Create(() => new WorkerActor(setup)), "worker");
        hub.Register(worker, new WeightPlacer(buckets, store));
        // Ends when its parent closes the pipe.
        while (Console.In.Read() >= 0)
        {
        }
        system.Terminate().Wait(TimeSpan.FromSeconds(10));
        return 0;
    }
}
