using System.Collections.Immutable;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>Evaluation at an epoch's end, in fixed slices of the test split that any worker may compute.</summary>
public static class Evaluation
{
    /// <summary>Coordinator to worker: evaluate these slices at this version of the weights.</summary>
    [MessagePackObject]
    public sealed record Order([property: Key(0)] Term Term, [property: Key(1)] long Version, [property: Key(2)] int First, [property: Key(3)] int Count) : IProtocolMessage;

    /// <summary>What evaluating one slice found: loss and right predictions, and what the job's metrics need (<see cref="Training.SliceDetail"/>; empty where they need nothing).</summary>
    [MessagePackObject]
    public readonly record struct Slice(
        [property: Key(0)] int Number, [property: Key(1)] int Samples, [property: Key(2)] double Denominator, [property: Key(3)] double LossSum,
        [property: Key(4)] long Correct, [property: Key(5)] long Counted, [property: Key(6)] ImmutableArray<long> Counts = default,
        [property: Key(7)] ImmutableArray<double> Sums = default, [property: Key(8)] ImmutableArray<float> Scores = default,
        [property: Key(9)] ImmutableArray<int> Labels = default, [property: Key(10)] int Rows = 0);

    /// <summary>Worker to coordinator: what it found.</summary>
    [MessagePackObject]
    public sealed record Report(
        [property: Key(0)] Term Term, [property: Key(1)] long Version, [property: Key(2)] WorkerId Worker, [property: Key(3)] ImmutableArray<Slice> Slices) : IProtocolMessage;
}
