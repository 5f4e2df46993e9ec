using Akka.Actor;
using Akka.Cluster;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DistTrain.Worker.Operation;

/// <summary>
/// How a node's process is, over all of the actor systems that it has in its life: a worker that was shut out begins another, a standby has none yet. Alive: between systems, or with one that answers.
/// Ready: its system is up in the cluster of a coordinator that reigns.
/// </summary>
public sealed class NodeHealth
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private volatile State state = new(null, "starting", () => true);

    /// <summary>The process has no actor system now, and why.</summary>
    public void Without(string reason) => state = new State(null, reason, () => true);

    /// <summary>The process lives in this system.</summary>
    /// <param name="system">The system.</param>
    /// <param name="mayWork">Whether it may do its work now; ready only then.</param>
    public void Within(ActorSystem system, Func<bool>? mayWork = null) => state = new State(system, "", mayWork ?? (() => true));

    /// <summary>Whether the process should be left running: its system, where it has one, answers within 5 s.</summary>
    public async Task<HealthCheckResult> IsAliveAsync(CancellationToken cancellation)
    {
        var now = state;
        if (now.System is not { } system) return HealthCheckResult.Healthy(now.Reason);
        try
        {
            await system.ActorSelection("/user").Ask<ActorIdentity>(new Identify(0), Patience, cancellation).ConfigureAwait(false);
            return HealthCheckResult.Healthy("the actor system answers");
        }
        catch (AskTimeoutException)
        {
            // It may have ended a moment ago, with the next one to come.
            return ReferenceEquals(state, now) ? HealthCheckResult.Unhealthy("the actor system does not answer") : HealthCheckResult.Healthy("between two actor systems");
        }
    }

    /// <summary>Whether the node takes part in a job.</summary>
    public HealthCheckResult IsReady()
    {
        var now = state;
        if (now.System is not { } system) return HealthCheckResult.Unhealthy(now.Reason);
        if (system.WhenTerminated.IsCompleted) return HealthCheckResult.Unhealthy("the actor system has ended");
        var status = Cluster.Get(system).SelfMember.Status;
        if (status != MemberStatus.Up) return HealthCheckResult.Unhealthy($"not up in a cluster yet: {status.ToString().ToLowerInvariant()}");
        return now.MayWork() ? HealthCheckResult.Healthy("up in the cluster") : HealthCheckResult.Unhealthy("another coordinator may have taken over");
    }

    private sealed record State(ActorSystem? System, string Reason, Func<bool> MayWork);
}
