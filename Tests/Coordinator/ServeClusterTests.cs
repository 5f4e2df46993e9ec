using Akka.Actor;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Serving;
using DistTrain.Data;
using DistTrain.Simd;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Tests.Coordinator;

/// <summary>A coordinator's node in this process, with nobody who joins.</summary>
public sealed class ServeClusterTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Without_its_gate_a_run_ends_and_says_so(bool isGathering)
    {
        using var cluster = new ServeCluster(LinearJob.Of(LinearJob.Plan()), new ServeOptions { Network = new NodeNetwork() }, new ClusterOptions(), null, _ => { });
        var job = new JobOptions { Numerics = isGathering ? "auto" : Numerics.Name(Numerics.Level) };
        var run = cluster.RunAsync(job, DigitsSource.Create(10, 0, 0), CancellationToken.None);
        cluster.System.ActorSelection("/user/gate").Tell(Kill.Instance);
        var result = await run.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.StartsWith("the gate, which workers come to, stopped: ActorKilledException", Assert.IsType<RunEvent.Failed>(result.Last).Error, StringComparison.Ordinal);
    }
}
