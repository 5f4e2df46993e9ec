using DistTrain.Protocol;
using DistTrain.Training;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>
/// Which samples each step used: by the pieces that were counted, as positions in the epoch's shuffled order. Whatever workers came and went, every epoch uses each of its samples once.
/// </summary>
public sealed class SampleLedger
{
    private readonly JobPlan plan;
    private readonly ClockPlan clocks;
    private readonly bool[] used;
    private long next;
    private int first;

    /// <summary>Begins before a step; what its epoch used before that is taken as used.</summary>
    public SampleLedger(JobPlan plan, ClockPlan clocks, long start)
    {
        this.plan = plan;
        this.clocks = clocks;
        used = new bool[plan.TrainCount];
        next = start;
        long startStep = clocks.StepsOf(start).First;
        first = (int)(startStep % Math.Max(1, plan.StepsPerEpoch) * plan.GlobalBatch);
    }

    /// <summary>Samples that were used more than once in an epoch.</summary>
    public long Repeated { get; private set; }

    /// <summary>Samples that a finished epoch did not use.</summary>
    public long Missed { get; private set; }

    /// <summary>Records a step.</summary>
    public void Use(Progress.Applied step)
    {
        if (step.Step != next) throw new InvalidOperationException($"step {step.Step} is recorded where step {next} was expected");
        next++;
        var (firstStep, end) = clocks.StepsOf(step.Step);
        for (long one = firstStep; one < end; one++)
        {
            foreach (var leaf in step.Leaves) Use(plan.Piece(one, leaf.Piece));
            if ((one + 1) % plan.StepsPerEpoch == 0) EndEpoch();
        }
    }

    private void Use((int Start, int Count) piece)
    {
        for (int sample = piece.Start; sample < piece.Start + piece.Count; sample++)
        {
            if (used[sample]) Repeated++;
            used[sample] = true;
        }
    }

    private void EndEpoch()
    {
        int end = (int)Math.Min(plan.TrainCount, plan.StepsPerEpoch * plan.GlobalBatch);
        for (int sample = first; sample < end; sample++)
            if (!used[sample]) Missed++;
        Array.Clear(used);
        first = 0;
    }
}
