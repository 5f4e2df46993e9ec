using DistTrain.Coordinator;
using DistTrain.Optim;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Benchmarks.Processes;

/// <summary>A model of a given size without any computation: its gradient is there at once. All that a run does is move tensors, sum and step them.</summary>
internal static class SyntheticJob
{
    private const int FloatsOfOne = 1 << 20;

    /// <summary>The layout: parameters of 4 MiB each.</summary>
    public static ParameterLayout LayoutOf(int megabytes)
    {
        int count = (int)Math.Max(1, megabytes * 1_000_000L / sizeof(float) / FloatsOfOne);
        return new ParameterLayout([.. Enumerable.Range(0, count).Select(i => ($"w{i}", System.Collections.Immutable.ImmutableArray.Create(FloatsOfOne)))]);
    }

    /// <summary>The job, for so many workers.</summary>
    public static ClusterJob Of(int megabytes, int workers)
    {
        var layout = LayoutOf(megabytes);
        return new ClusterJob
        {
            Plan = new JobPlan { TrainCount = workers, TestCount = 0, BatchSize = workers, Shards = workers, Epochs = 1_000_000_000 },
            Layout = layout,
            Rule = new SGDRule(new SGDOptions()),
            LearningRate = _ => 0.01,
            CreateReplica = _ => new Replica(layout),
            Weights = new FloatBuffer(layout.Length),
        };
    }

    private sealed class Replica(ParameterLayout layout) : IReplica
    {
        public ParameterLayout Layout => layout;

        public double Denominator(PieceId piece) => 1;

        public PieceResult Compute(PieceId piece, FloatBuffer weights, FloatBuffer gradient, IGradientSink? sink)
        {
            for (int end = layout.Length; end > 0; end -= FloatsOfOne) sink?.Ready(Math.Max(0, end - FloatsOfOne), Math.Min(FloatsOfOne, end));
            return new PieceResult(1, 1, 0, 0, 0);
        }

        public EvaluationResult Evaluate(int slice, FloatBuffer weights) => default;

        public void Dispose() { }
    }
}
