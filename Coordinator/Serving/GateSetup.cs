using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Simd;
using DistTrain.Transport;
using DistTrain.Worker.Node;

namespace DistTrain.Coordinator.Serving;

/// <summary>What the gate tells nodes, and whom it tells what.</summary>
internal sealed record GateSetup
{
    /// <summary>The job's id.</summary>
    public required JobId Job { get; init; }

    /// <summary>The coordinator's term.</summary>
    public required Term Term { get; init; }

    /// <summary>The job's numerics level; null where the lowest of the starting workers is taken.</summary>
    public SimdLevel? Numerics { get; init; }

    /// <summary>Nodes to wait for before the level is taken.</summary>
    public int MinWorkers { get; init; } = 1;

    /// <summary>Completed with the job's level once that many nodes are there; <see cref="Gate.Opened"/> is the answer.</summary>
    public required TaskCompletionSource<SimdLevel> Gathered { get; init; }

    /// <summary>The job's token; null for none.</summary>
    public JobToken? Token { get; init; }

    /// <summary>How long a node may be unreachable before it is shut out for good.</summary>
    public TimeSpan StableAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a node that was told of the job may be silent before it is in the cluster.</summary>
    public TimeSpan ComesWithin { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Told, in a line each, about nodes that come, go or are refused.</summary>
    public required Action<string> Report { get; init; }

    /// <summary>Closes the channels to a node that has gone for good.</summary>
    public Action<Address> Disconnect { get; init; } = _ => { };

    /// <summary>How the job is.</summary>
    public required Func<Nodes.Status> Status { get; init; }

    /// <summary>How tensors travel to each node.</summary>
    public Func<ImmutableArray<ChannelStatus>> Channels { get; init; } = () => [];

    /// <summary>Whether this coordinator still reigns; one that may not speaks to nobody.</summary>
    public Func<bool> Reigns { get; init; } = () => true;

    /// <summary>What a standby with a folder of its own has to say; null where there can be none.</summary>
    public Standby.StandbyRule? Standby { get; init; }

    /// <summary>Ends the job after its step, for a reason.</summary>
    public required Action<string> Stop { get; init; }

    /// <summary>Completed once the job is over and every node has heard of it.</summary>
    public required TaskCompletionSource AllGone { get; init; }
}
