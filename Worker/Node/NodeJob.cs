using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Simd;
using DistTrain.Training;
using DistTrain.Training.Code;

namespace DistTrain.Worker.Node;

/// <summary>A job as a node has built it from what the coordinator sent.</summary>
internal sealed class NodeJob : IDisposable
{
    private NodeJob(TrainingJob job, ModelReplica replica, BucketPlan buckets, JobOptions options)
    {
        (Job, Replica, Buckets) = (job, replica, buckets);
        Codec = CodecSpec.ParseGradient(options.Codec);
        WeightsCodec = CodecSpec.ParseWeights(options.WeightsCodec);
    }

    /// <summary>The job.</summary>
    public TrainingJob Job { get; }

    /// <summary>The model, ready to compute.</summary>
    public ModelReplica Replica { get; }

    /// <summary>The layout, cut into buckets.</summary>
    public BucketPlan Buckets { get; }

    /// <summary>The codec of gradients.</summary>
    public CodecSpec Codec { get; }

    /// <summary>The codec of weights.</summary>
    public CodecSpec WeightsCodec { get; }

    /// <summary>Builds the job and checks that it is the coordinator's.</summary>
    /// <param name="offer">What the coordinator sent.</param>
    /// <param name="assembly">The C# that the user gave, for a job that is made by C#; null for none.</param>
    /// <param name="dataRoot">The folder that relative paths of the data are taken from; null for the current one.</param>
    /// <exception cref="UserErrorException">It is not, or cannot be built here; the message says why.</exception>
    public static NodeJob Build(Nodes.Offer offer, JobAssembly? assembly, string? dataRoot)
    {
        var options = JobJson.Parse(offer.Options);
        if (!Numerics.TryParse(options.Numerics, out var level) || !Numerics.IsSupported(level))
            throw new UserErrorException($"the job computes with {options.Numerics}, this machine has {Numerics.Name(Numerics.Best)} at most");
        Numerics.Use(level);
        var job = JobBuilder.Build(options, 1, options.Code is { } code ? assembly?.Find(code.Type) : null, dataRoot);
        string data = job.Data.Fingerprint;
        if (job.Data.Summary != offer.DataSummary) throw new UserErrorException($"its data {options.Data} has {job.Data.Summary}, the job's has {offer.DataSummary}");
        if (data != offer.Data) throw new UserErrorException($"its data {options.Data} has the job's counts and shapes and another content: fingerprint {data[..12]}, the job's has {offer.Data[..Math.Min(12, offer.Data.Length)]}");
        var replica = new ModelReplica(job);
        if (replica.Layout.Hash == offer.Layout) return new NodeJob(job, replica, new BucketPlan(replica.Layout, offer.Servers, offer.BucketBytes), options);
        string layout = replica.Layout.Hash;
        replica.Dispose();
        throw new UserErrorException($"its model has layout {layout[..12]}, the job's has {offer.Layout[..Math.Min(12, offer.Layout.Length)]}");
    }

    /// <summary>Ends the data threads.</summary>
    public void Dispose() => Replica.Dispose();
}
