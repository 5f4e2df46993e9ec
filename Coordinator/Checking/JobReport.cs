using DistTrain.Protocol.Codecs;
using DistTrain.Training;

namespace DistTrain.Coordinator.Checking;

/// <summary>What <c>check</c> tells of a job that is right.</summary>
/// <param name="Job">The job.</param>
/// <param name="Plan">The job in numbers.</param>
/// <param name="Model">Its model.</param>
/// <param name="Workers">Workers that memory and traffic are told for.</param>
/// <param name="BytesPerStep">Bytes that a step puts on the network with so many workers.</param>
/// <param name="Determinism">What running it found; null where it was not run.</param>
internal sealed record JobReport(TrainingJob Job, JobPlan Plan, ModelSummary Model, int Workers, long BytesPerStep, DeterminismReport? Determinism)
{
    /// <summary>Looks at a job.</summary>
    public static JobReport Of(TrainingJob job, int workers)
    {
        var model = ModelSummary.Of(job);
        var (gradients, weights) = (CodecSpec.ParseGradient(job.Options?.Codec ?? "none"), CodecSpec.ParseWeights(job.Options?.WeightsCodec ?? "none"));
        var traffic = Traffic.PerStep(TensorCodec.Create(gradients), TensorCodec.Create(weights), new BucketPlan(model.Layout, 1, new ClusterOptions().BucketBytes), job.Plan().Pieces, workers);
        return new JobReport(job, job.Plan(), model, workers, traffic.BytesPerStep, null);
    }
}
