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

    /// <summary>Hands the shards of workers that are gone to those who have the fewest; all others stay where they are.</summary>
    /// <param name="owners">The owner of each shard so far.</param>
    /// <param name="workers">The live workers, at least one.</param>
    public static ImmutableArray<WorkerId> Keeping(ImmutableArray<WorkerId> owners, IReadOnlyList<WorkerId> workers)
    {
        int[] loads = [.. workers.Select(worker => owners.Count(owner => owner == worker))];
        var kept = owners.ToBuilder();
        for (int shard = 0; shard < kept.Count; shard++)
        {
            if (workers.Contains(kept[shard])) continue;
            int least = Array.IndexOf(loads, loads.Min());
            kept[shard] = workers[least];
            loads[least]++;
        }
        return kept.MoveToImmutable();
    }

    /// <summary>As <see cref="Keeping"/>, but no worker has more than one shard more than another afterwards; as few as possible move.</summary>
    /// <param name="owners">The owner of each shard so far.</param>
    /// <param name="workers">The live workers, at least one.</param>
    public static ImmutableArray<WorkerId> Level(ImmutableArray<WorkerId> owners, IReadOnlyList<WorkerId> workers)
    {
        var level = Keeping(owners, workers).ToBuilder();
        int[] loads = [.. workers.Select(worker => level.Count(owner => owner == worker))];
        while (loads.Max() - loads.Min() > 1)
        {
            int most = Array.IndexOf(loads, loads.Max()), least = Array.IndexOf(loads, loads.Min());
            level[level.LastIndexOf(workers[most])] = workers[least];
            loads[most]--;
            loads[least]++;
        }
        return level.MoveToImmutable();
    }
}
