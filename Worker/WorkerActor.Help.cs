using DistTrain.Protocol;

namespace DistTrain.Worker;

/// <content>What others lack: sent again where it was computed here, computed where somebody is slow with it.</content>
public sealed partial class WorkerActor
{
    /// <summary>Sends again what a server lacks, if it was computed here; else, where allowed, computes it for a slower worker.</summary>
    private void OnMissing(Gradients.Missing missing)
    {
        if (!Follows(missing.Term)) return;
        foreach (var old in sent)
        {
            var name = old.Header.What;
            if (name.Step == missing.Step && name.Bucket == missing.Bucket && missing.Leaves.Any(leaf => leaf >= name.Lo && leaf < name.Hi))
                channels[setup.Buckets.Buckets[name.Bucket].Server].Send(old.Header, old.Tensor);
        }
        Continue();
        if (setup.Speculate && !busy && progress.MayHelpWith(missing.Step) && Foreign(missing) is { } leaf) Compute(missing.Step, [leaf], progress.Version);
    }

    /// <summary>A missing leaf that was not computed here; workers begin at different ones, so that two that are idle seldom take the same.</summary>
    private int? Foreign(Gradients.Missing missing)
    {
        for (int i = 0; i < missing.Leaves.Length; i++)
        {
            int leaf = missing.Leaves[(i + welcome!.Worker.Value) % missing.Leaves.Length];
            if (progress.Lacks(missing.Step, leaf)) return leaf;
        }
        return null;
    }

    /// <summary>Idle for a whole period: asks what is missing, to compute it if somebody else is slow with it.</summary>
    private void OnImpatience()
    {
        if (busy || welcome is null || pieces is null) idleTurns = 0;
        else if (++idleTurns > 1) AskForWeights();
    }
}
