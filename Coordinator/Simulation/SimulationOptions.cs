using DistTrain.Protocol.Codecs;
using DistTrain.Training;

namespace DistTrain.Coordinator.Simulation;

/// <summary>What to simulate.</summary>
public sealed record SimulationOptions
{
    /// <summary>The first seed; each seed is one run with faults of its own.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>How many seeds.</summary>
    public int Seeds { get; init; } = 1000;

    /// <summary>Workers at the start.</summary>
    public int Workers { get; init; } = 4;

    /// <summary>The kinds of fault that may happen.</summary>
    public IReadOnlyList<FaultKind> Faults { get; init; } = FaultKinds.All;

    /// <summary><c>bsp</c>, <c>ssp:s</c> or <c>async</c>.</summary>
    public Consistency Consistency { get; init; } = Consistency.Default;

    /// <summary>Lets idle workers compute what others are slow with.</summary>
    public bool Speculate { get; init; }

    /// <summary>Logical shards of the small job; workers beyond them are spares.</summary>
    public int Shards { get; init; } = 4;

    /// <summary>Parameter servers, all on the coordinator's node; <c>async</c> has one.</summary>
    public int Servers { get; init; } = 1;

    /// <summary>The largest bucket, in bytes. The small model is one bucket; where this, or several servers, ask for more, its four parameters are laid out in blocks of their own.</summary>
    public int BucketBytes { get; init; } = 1 << 20;

    /// <summary>The codec of gradients. One with a residual has states that move with their shards; where a worker dies, or is taken for dead, its states may be lost, and the weights are then not compared with those of the undisturbed run.</summary>
    public CodecSpec Codec { get; init; } = CodecSpec.None;

    /// <summary>The codec of weights: <c>none</c>, <c>bf16</c> or <c>fp16</c>.</summary>
    public CodecSpec WeightsCodec { get; init; } = CodecSpec.None;

    /// <summary>How long each worker takes for a piece, in virtual microseconds: makes what draws them for a worker. Null for 1 to 3 ms.</summary>
    internal Func<int, Func<long>>? ComputeMicroseconds { get; init; }

    /// <summary>Told each epoch and when it ended; true ends the run.</summary>
    internal Func<RunEvent.EpochDone, TimeSpan, bool>? Until { get; init; }

    /// <summary>A run that has not ended by then never will.</summary>
    internal long GiveUpMicroseconds { get; init; } = 20_000_000;

    /// <summary>Stops a worker at the n-th message that it sends or gets, counted from 0; null for nowhere.</summary>
    internal (int Worker, int Message)? StopAt { get; init; }

    /// <summary>A mistake put in on purpose, for tests that show that it is found.</summary>
    internal PlantedBug Bug { get; init; }

    /// <summary>Checks the options.</summary>
    /// <exception cref="UserErrorException">One is out of range.</exception>
    public void Validate()
    {
        if (Seeds < 1) throw new UserErrorException($"seeds: {Seeds} is not allowed, give 1 or more");
        if (Workers is < 1 or > 1024) throw new UserErrorException($"workers: {Workers} is not allowed, give 1 to 1024");
        if (Shards is < 1 or > 1024) throw new UserErrorException($"shards: {Shards} is not allowed, give 1 to 1024");
        if (BucketBytes < 1) throw new UserErrorException($"bucket bytes: {BucketBytes} is not allowed, give 1 or more (16384 is one block)");
        if (Servers is < 1 or > TinyReplica.MostServers) throw new UserErrorException($"servers: {Servers} is not allowed, the simulated model has {TinyReplica.MostServers} blocks: give 1 to {TinyReplica.MostServers}");
        if (Servers > 1 && Consistency is Consistency.Async) throw new UserErrorException($"servers: {Servers} is not allowed with consistency async, give 1");
        if (Consistency is Consistency.Local) throw new UserErrorException($"consistency: {Consistency} cannot be simulated, give bsp, ssp:<s> or async");
        if (Consistency is Consistency.Async && Codec.HasState) throw new UserErrorException($"codec was {Codec}, which does not go with consistency {Consistency}: whoever is free computes a shard's next piece, so its residual would have no owner");
        if (Speculate && Codec.HasState) throw new UserErrorException($"codec was {Codec}, which does not go with speculate: a shard's residual cannot be in two places");
        if (Speculate && Consistency is not Consistency.Bsp) throw new UserErrorException($"speculate was on, which does not go with consistency {Consistency}: answers can be compared only when they were computed on the same weights");
    }
}

/// <summary>A run that broke a promise.</summary>
/// <param name="Seed">Replays it.</param>
/// <param name="Invariant">Which promise: <c>weights</c>, <c>contributions</c>, <c>samples</c>, <c>ends</c>, <c>staleness</c> or <c>states</c>.</param>
/// <param name="What">What was seen.</param>
public sealed record Violation(long Seed, string Invariant, string What);

/// <summary>What a simulation found.</summary>
/// <param name="Seeds">Runs.</param>
/// <param name="SeedsPerSecond">Runs per second of real time.</param>
/// <param name="Faults">How many runs had a fault of each kind.</param>
/// <param name="Violations">Broken promises; none is how it should be.</param>
/// <param name="TraceSha256">A hash of every event of every run: the same for the same options.</param>
public sealed record SimulationReport(
    int Seeds, double SeedsPerSecond, IReadOnlyDictionary<FaultKind, int> Faults, IReadOnlyList<Violation> Violations, string TraceSha256)
{
    /// <summary>Real time that the node of coordinator and servers took, of all runs together, in seconds.</summary>
    public double HomeSeconds { get; init; }

    /// <summary>Pieces that began early and then waited for the rest of their weights, and those of them that were given up.</summary>
    internal (int Waits, int GivenUp) Early { get; init; }

    /// <summary>States of shards that arrived where their shards had moved to.</summary>
    internal int Moves { get; init; }

    /// <summary>States of shards that were lost with their workers.</summary>
    internal int StatesLost { get; init; }

    /// <summary>With <see cref="SimulationOptions.StopAt"/>, the messages that the worker sent and got in the last run.</summary>
    internal int Boundaries { get; init; }
}
