using System.Collections.Immutable;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>Who computes which shard: contiguous ranges of nearly equal size, so that most of a worker's shards form aligned blocks of the tree, which it sums before sending.</summary>
public static class ShardAssignment
{
    /// <summary>The owners of <paramref name="shards"/> shards among live workers, in the order given; workers beyond the shards are spares. Empty without workers.</summary>
    public static ImmutableArray<WorkerId> Contiguous(IReadOnlyList<WorkerId> workers, int shards)
    {
        if (workers.Count == 0) return [];
        int used = Math.Min(workers.Count, shards);
        var owners = ImmutableArray.CreateBuilder<WorkerId>(shards);
        for (int worker = 0; worker < used; worker++)
            for (int shard = (int)((long)shards * worker / used); shard < (int)((long)shards * (worker + 1) / used); shard++) owners.Add(workers[worker]);
        return owners.MoveToImmutable();
    }
}
