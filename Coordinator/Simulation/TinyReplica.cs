using System.Collections.Immutable;
using DistTrain.Optim;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator.Simulation;

/// <summary>
/// The simulator's model: an 8-8-4 perceptron with ReLU and cross entropy on samples drawn from their numbers. A hundred parameters, so that a thousand runs take seconds; its gradient is a pure function of weights and piece.
/// </summary>
internal sealed class TinyReplica : IEagerReplica
{
    /// <summary>The blocks of the model where it is laid out in several.</summary>
    public const int MostServers = 4;

    private const int In = 8, Hidden = 8, Out = 4;
    private readonly JobPlan plan;
    private readonly int w1, b1, w2, b2;
    private readonly float[] x = new float[In], h = new float[Hidden], z = new float[Out], dh = new float[Hidden];

    private TinyReplica(JobPlan plan, ParameterLayout layout)
    {
        (this.plan, Layout) = (plan, layout);
        (w1, b1, w2, b2) = (OffsetOf("0.weight"), OffsetOf("0.bias"), OffsetOf("2.weight"), OffsetOf("2.bias"));

        int OffsetOf(string name) => layout.Parameters.First(entry => entry.Name == name).Offset;
    }

    public ParameterLayout Layout { get; }

    public IWeightArrivals? Arrivals { get; set; }

    /// <summary>The small job of every run: 20 steps of which each fifth has a batch that S does not divide. All workers share a replica, since they compute one after the other.</summary>
    public static ClusterJob Job(SimulationOptions options)
    {
        int batch = options.Shards * 4;
        var plan = new JobPlan { TrainCount = batch * 37 / 8, TestCount = 300, BatchSize = batch, Shards = options.Shards, Epochs = 4, Seed = 1 };
        bool isSpread = options.Servers > 1 || options.BucketBytes < 4 * ParameterLayout.BlockLength * sizeof(float);
        var layout = new ParameterLayout(Parameters(isSpread));
        var replica = new TinyReplica(plan, layout);
        return new ClusterJob { Plan = plan, Layout = layout, Rule = new SGDRule(new SGDOptions(Momentum: 0.9)), LearningRate = _ => 0.1, CreateReplica = _ => replica, Weights = InitialWeights(layout) };
    }

    /// <summary>The four parameters; each followed by one that nothing depends on and that fills its block, where they are to be in blocks of their own.</summary>
    private static IEnumerable<(string Name, ImmutableArray<int> Shape)> Parameters(bool isSpread)
    {
        foreach (var (name, shape) in ((string, int[])[])[("0.weight", [Hidden, In]), ("0.bias", [Hidden]), ("2.weight", [Out, Hidden]), ("2.bias", [Out])])
        {
            yield return (name, [.. shape]);
            if (isSpread && name != "2.bias") yield return (name + ".rest", [ParameterLayout.BlockLength - FloatBuffer.AlignUp(shape.Aggregate(1, (a, b) => a * b))]);
        }
    }

    private static FloatBuffer InitialWeights(ParameterLayout layout)
    {
        var weights = new FloatBuffer(layout.Length);
        foreach (var entry in layout.Parameters)
            for (int i = 0; i < entry.Length; i++) weights.Span[entry.Offset + i] = Noise(entry.Offset * 1000 + i) * 0.5f;
        return weights;
    }

    public double Denominator(PieceId piece) => plan.Piece(piece).Count;

    public PieceResult Compute(PieceId piece, FloatBuffer weights, FloatBuffer gradient, IGradientSink? sink)
    {
        var (start, count) = plan.Piece(piece);
        // Computing takes no time here; where it began early it ends when everything is here.
        Arrivals?.Wait(0, Layout.Length);
        gradient.Span.Clear();
        double loss = 0;
        long correct = 0;
        for (int sample = start; sample < start + count; sample++)
        {
            loss += Forward(sample, weights.Span, out int label, out bool right);
            if (right) correct++;
            Backward(label, 1f / count, weights.Span, gradient.Span);
        }
        foreach (var entry in Layout.Parameters.Reverse()) sink?.Ready(entry.Offset, entry.Length);
        return new PieceResult(count, count, loss, correct, count);
    }

    public EvaluationResult Evaluate(int slice, FloatBuffer weights)
    {
        int start = slice * JobPlan.EvaluationSlice, count = Math.Min(JobPlan.EvaluationSlice, plan.TestCount - start);
        double loss = 0;
        long correct = 0;
        // A few samples stand for the slice: its arithmetic is not what is simulated.
        for (int sample = start; sample < start + Math.Min(2, count); sample++)
        {
            loss += Forward(100_000 + sample, weights.Span, out _, out bool right);
            if (right) correct++;
        }
        return new EvaluationResult(count, count, loss, correct, count);
    }

    public void Dispose() { }

    private double Forward(int sample, ReadOnlySpan<float> w, out int label, out bool right)
    {
        for (int i = 0; i < In; i++) x[i] = Noise(sample * In + i);
        label = (x[0] > 0 ? 1 : 0) + (x[1] > 0 ? 2 : 0);
        for (int j = 0; j < Hidden; j++)
        {
            float sum = w[b1 + j];
            for (int i = 0; i < In; i++) sum += w[w1 + j * In + i] * x[i];
            h[j] = Math.Max(0, sum);
        }
        float most = float.NegativeInfinity;
        for (int k = 0; k < Out; k++)
        {
            float sum = w[b2 + k];
            for (int j = 0; j < Hidden; j++) sum += w[w2 + k * Hidden + j] * h[j];
            z[k] = sum;
            most = Math.Max(most, sum);
        }
        right = z[label] == most;
        float total = 0;
        for (int k = 0; k < Out; k++) total += z[k] = Exp(z[k] - most);
        for (int k = 0; k < Out; k++) z[k] /= total;
        return 1 - z[label];
    }

    /// <summary>Adds a sample's gradient of softmax cross entropy; <see cref="Forward"/> left the probabilities.</summary>
    private void Backward(int label, float scale, ReadOnlySpan<float> w, Span<float> g)
    {
        Array.Clear(dh);
        for (int k = 0; k < Out; k++)
        {
            float dz = (z[k] - (k == label ? 1 : 0)) * scale;
            g[b2 + k] += dz;
            for (int j = 0; j < Hidden; j++)
            {
                g[w2 + k * Hidden + j] += dz * h[j];
                dh[j] += dz * w[w2 + k * Hidden + j];
            }
        }
        for (int j = 0; j < Hidden; j++)
        {
            if (h[j] <= 0) continue;
            g[b1 + j] += dh[j];
            for (int i = 0; i < In; i++) g[w1 + j * In + i] += dh[j] * x[i];
        }
    }

    /// <summary>e^x for x ≤ 0 by (1 + x/256)^256: no C-runtime mathematics, so the same bits everywhere.</summary>
    private static float Exp(float x)
    {
        float y = Math.Max(0, 1f + x / 256f);
        for (int i = 0; i < 8; i++) y *= y;
        return y;
    }

    private static float Noise(int n)
    {
        uint u = (uint)n * 2654435761u;
        u ^= u >> 15;
        u *= 2246822519u;
        u ^= u >> 13;
        return (int)(u & 0xFFFF) / 32768f - 1f;
    }
}
