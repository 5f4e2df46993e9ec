using DistTrain.Protocol.Codecs;
using DistTrain.Training;

namespace DistTrain.Coordinator;

/// <summary>Which settings go together: what does not is refused before anything starts.</summary>
public static class ClusterRules
{
    /// <summary>Checks a job and how it is to be run.</summary>
    /// <exception cref="UserErrorException">A setting is out of range, or two of them exclude each other; the message names both.</exception>
    public static void Check(ClusterJob job, ClusterOptions options)
    {
        if (options.Workers < 1) throw new UserErrorException($"workers: {options.Workers} is not allowed, give 1 or more");
        string mode = job.Consistency.ToString();
        bool async = job.Consistency is Consistency.Async, local = job.Consistency is Consistency.Local;
        if (async && options.Servers > 1) throw Exclude("servers", options.Servers.ToString(), mode, "one server applies the pieces in one order");
        if (async && job.Plan.ClipNorm is not null) throw Exclude("clip-norm", job.Plan.ClipNorm.ToString()!, mode, "a piece is applied bucket by bucket, before its whole norm is known");
        if (async && job.OnNonFinite == OnNonFinite.Skip) throw Exclude("on-nonfinite", "skip", mode, "a piece is applied bucket by bucket, before all of it is known");
        if (options.Speculate && job.Consistency is not Consistency.Bsp) throw Exclude("speculate", "on", mode, "answers can be compared only when they were computed on the same weights");
        if (options.Speculate && job.Codec.HasState) throw new UserErrorException($"codec was {job.Codec}, which does not go with speculate: a shard's residual cannot be in two places");
        if (async && job.Codec.HasState) throw Exclude("codec", job.Codec.ToString(), mode, "whoever is free computes a shard's next piece, so its residual would have no owner");
        if (options.ExactRecovery && options.Checkpoints is null) throw new UserErrorException("exact-recovery needs checkpoint-dir: the folder to go back to");
        if (local && job.Plan.Accumulate > 1) throw Exclude("accumulate", job.Plan.Accumulate.ToString(), mode, "every shard steps by itself");
        if (local && job.Plan.ClipNorm is not null) throw Exclude("clip-norm", job.Plan.ClipNorm.ToString()!, mode, "what is averaged is a change of weights, not a gradient");
        if (!local && job.Outer is { } outer) throw new UserErrorException(FormattableString.Invariant($"an outer optimizer (outer-lr {outer.LearningRate}, outer-momentum {outer.Momentum}) does not go with consistency {mode}: only local:<H> has one"));
    }

    private static UserErrorException Exclude(string option, string value, string mode, string why) =>
        new($"{option} was {value}, which does not go with consistency {mode}: {why}");
}
