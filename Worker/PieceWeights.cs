using DistTrain.Training;

namespace DistTrain.Worker;

/// <summary>
/// The leaves' weights of a step, float(d_i / Σd). Every worker has all targets, so each finds all d_i by itself and nothing is exchanged; where the loss counts samples, the plan alone gives them.
/// </summary>
internal sealed class PieceWeights(JobPlan plan, ClockPlan clocks, bool sampleCounts)
{
    private readonly double[] denominators = new double[plan.Pieces];
    private readonly bool[] present = new bool[plan.Pieces];
    private double total;
    private long step = -1;
    private int samples = -1;

    /// <summary>Which leaves have samples and a denominator above 0; the others are absent.</summary>
    public ReadOnlySpan<bool> Present => present;

    /// <summary>Finds the weights of a step.</summary>
    public void Prepare(long step, IReplica replica)
    {
        if (step == this.step) return;
        this.step = step;
        // Batches of one size are cut alike.
        bool isAlike = sampleCounts && clocks.StepsPerClock == 1;
        if (isAlike && samples == plan.BatchOf(step)) return;
        samples = isAlike ? plan.BatchOf(step) : -1;
        total = 0;
        for (int i = 0; i < denominators.Length; i++)
        {
            int count = clocks.Samples(step, i);
            denominators[i] = count == 0 ? 0 : sampleCounts ? count : replica.Denominator(plan.PieceAt(step, i));
            present[i] = denominators[i] > 0;
            total += denominators[i];
        }
        if (total > 0) return;
        // Without a counted target in the whole batch every gradient is zero. The pieces weigh by their samples, for what BatchNorm saw in them.
        for (int i = 0; i < present.Length; i++)
        {
            denominators[i] = clocks.Samples(step, i);
            present[i] = denominators[i] > 0;
            total += denominators[i];
        }
    }

    /// <summary>The factor on a leaf's gradient; 1 where a step has a single piece.</summary>
    public float ScaleOf(int leaf) => plan.Pieces == 1 ? 1f : (float)(denominators[leaf] / total);
}
