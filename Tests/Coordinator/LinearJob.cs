using System.Collections.Immutable;
using DistTrain.Coordinator;
using DistTrain.Optim;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>A small job whose replica is a linear model of every weight by itself: quick, and with a gradient that depends on weights, samples and step.</summary>
internal static class LinearJob
{
    public static JobPlan Plan(int shards = 4, int train = 50, int batch = 16, int epochs = 2, int test = 0, int accumulate = 1, double? clip = null) => new()
    {
        TrainCount = train, TestCount = test, BatchSize = batch, Shards = shards, Epochs = epochs, Accumulate = accumulate, ClipNorm = clip, Seed = 3,
    };

    /// <summary>Three parameters, of which the middle one spans several blocks.</summary>
    public static ParameterLayout Layout { get; } = new([("a", [7]), ("b", [2, 5000]), ("c", [30])]);

    public static ClusterJob Of(JobPlan plan, Func<int, IReplica>? replica = null) => new()
    {
        Plan = plan,
        Layout = Layout,
        Rule = new SGDRule(new SGDOptions(Momentum: 0.9)),
        LearningRate = step => 0.05 / (1 + step),
        CreateReplica = number => replica?.Invoke(number) ?? new LinearReplica(plan),
        Weights = Start(),
    };

    public static FloatBuffer Start()
    {
        var weights = new FloatBuffer(Layout.Length);
        foreach (var entry in Layout.Parameters)
            for (int i = 0; i < entry.Length; i++) weights.Span[entry.Offset + i] = MathF.Sin(entry.Offset + i);
        return weights;
    }

    /// <summary>The job done by a plain loop, one leaf after the other: what every run must come to.</summary>
    public static (string Weights, string State) PlainLoop(ClusterJob job, long? steps = null)
    {
        var plan = job.Plan;
        var replica = job.CreateReplica(-1);
        var weights = Start();
        var state = job.Rule.StateNames.Select(_ => new FloatBuffer(Layout.Length)).ToArray();
        long end = steps ?? plan.TotalSteps;
        for (long step = 0; step < end; step++)
        {
            double total = 0;
            for (int i = 0; i < plan.Pieces; i++) total += replica.Denominator(plan.PieceAt(step, i));
            var average = T(0, plan.Pieces)!;
            float scale = 1f;
            if (plan.ClipNorm is { } most)
            {
                double[] blocks = new double[GradientNorm.Blocks(Layout)];
                Reduce.SumOfSquaresByBlock(average.AsSpan(0, Layout.ParameterLength), blocks);
                scale = GradientNorm.ClipFactor(GradientNorm.FromBlocks(blocks), most);
            }
            job.Rule.Apply(step + 1, job.LearningRate(step), scale, weights.Span, average, new StateSlices(state, 0, Layout.Length), weights.Span);

            float[]? T(int lo, int hi)
            {
                if (hi - lo > 1)
                {
                    int m = lo + 1;
                    while (2 * (m - lo) < hi - lo) m = lo + 2 * (m - lo);
                    var (left, right) = (T(lo, m), T(m, hi));
                    if (left is null || right is null) return left ?? right;
                    return [.. left.Zip(right, (x, y) => x + y)];
                }
                var piece = plan.PieceAt(step, lo);
                double denominator = replica.Denominator(piece);
                if (denominator == 0) return null;
                var gradient = new FloatBuffer(Layout.Length);
                replica.Compute(piece, weights, gradient, null);
                float weight = plan.Pieces == 1 ? 1f : (float)(denominator / total);
                return [.. gradient.Span.ToArray().Select(x => x * weight)];
            }
        }
        return (Layout.WeightsSha256(weights.Span), StateHash.Compute(Layout, weights, state, end));
    }
}

/// <summary>The linear job's replica; tells what it is asked to compute and can be held up or made to fail there.</summary>
internal class LinearReplica(JobPlan plan) : IReplica
{
    /// <summary>Called before a piece is computed.</summary>
    public Action<PieceId>? Computing { get; init; }

    /// <summary>Called after half of a piece's gradient was announced.</summary>
    public Action<PieceId>? Halfway { get; init; }

    /// <summary>The denominator of a piece; by default its samples.</summary>
    public Func<PieceId, double>? Denominators { get; init; }

    public ParameterLayout Layout => LinearJob.Layout;

    public double Denominator(PieceId piece) => Denominators?.Invoke(piece) ?? plan.Piece(piece).Count;

    public PieceResult Compute(PieceId piece, FloatBuffer weights, FloatBuffer gradient, IGradientSink? sink)
    {
        Computing?.Invoke(piece);
        var (start, count) = plan.Piece(piece);
        double loss = 0;
        foreach (var entry in Layout.Parameters.Reverse())
        {
            for (int i = entry.Offset; i < entry.Offset + entry.Length; i++)
            {
                float sum = 0;
                for (int sample = start; sample < start + count; sample++) sum += weights.Span[i] * 0.5f - Target(sample, i);
                gradient.Span[i] = sum / count;
                loss += sum;
            }
            sink?.Ready(entry.Offset, entry.Length);
            if (entry.Name == "b") Halfway?.Invoke(piece);
        }
        double denominator = Denominator(piece);
        return new PieceResult(count, denominator, loss / count * denominator, count / 2, count);
    }

    public EvaluationResult Evaluate(int slice, FloatBuffer weights)
    {
        int samples = Math.Min(JobPlan.EvaluationSlice, plan.TestCount - slice * JobPlan.EvaluationSlice);
        return new EvaluationResult(samples, samples, samples * (double)weights.Span[slice], slice, samples);
    }

    public void Dispose() { }

    private static float Target(int sample, int element) => ((sample * 31 + element * 7) % 97 - 48) / 32f;
}

/// <summary>The linear job with one number of step 2 that is not finite.</summary>
internal sealed class InfiniteReplica(JobPlan plan) : IReplica
{
    private readonly LinearReplica linear = new(plan);

    public ParameterLayout Layout => linear.Layout;

    public double Denominator(PieceId piece) => linear.Denominator(piece);

    public PieceResult Compute(PieceId piece, FloatBuffer weights, FloatBuffer gradient, IGradientSink? sink)
    {
        var result = linear.Compute(piece, weights, gradient, null);
        if (piece is { Step: 2, Shard: 2 }) gradient.Span[0] = float.PositiveInfinity;
        return result;
    }

    public EvaluationResult Evaluate(int slice, FloatBuffer weights) => linear.Evaluate(slice, weights);

    public void Dispose() { }
}
