using DistTrain.Optim;
using DistTrain.Protocol.Codecs;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Worker;

/// <summary>
/// <c>local:H</c> on a worker: each shard steps by itself, with weights and optimizer state of its own, and hands in by how much it changed. The state belongs to the shard: it moves with it, and is saved.
/// </summary>
internal sealed class LocalSteps(JobPlan plan, ClockPlan clocks, UpdateRule rule, Func<long, double> learningRate, ResidualStore states, int length)
{
    private readonly FloatBuffer[] state = [.. rule.StateNames.Select(_ => new FloatBuffer(length))];
    private readonly FloatBuffer weights = new(length);
    private readonly FloatBuffer gradient = new(length);

    /// <summary>Takes a shard through a round, and leaves what it changed by, with the sign of a gradient, in <paramref name="change"/>.</summary>
    public PieceResult Compute(IReplica replica, long clock, int shard, FloatBuffer start, FloatBuffer change)
    {
        // Where somebody has begun a later round of this shard already, nobody waits for this one, whatever it comes to.
        _ = states.TryRead(shard, clock, state);
        start.Span.CopyTo(weights.Span);
        var total = default(PieceResult);
        var (first, end) = clocks.StepsOf(clock);
        for (long step = first; step < end; step++)
        {
            if (plan.Piece(step, shard).Count == 0) continue;
            var result = replica.Compute(plan.PieceAt(step, shard), weights, gradient, null);
            rule.Apply(step + 1, learningRate(step), 1f, weights.Span, gradient.Span, new StateSlices(state, 0, length), weights.Span);
            total = new PieceResult(total.Samples + result.Samples, total.Denominator + result.Denominator, total.LossSum + result.LossSum, total.Correct + result.Correct, total.Counted + result.Counted);
        }
        states.Write(shard, clock, state);
        GradientKernels.ScaledSum(start.Span, 1f, weights.Span, -1f, change.Span);
        return total;
    }
}
