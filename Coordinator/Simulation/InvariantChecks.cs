using DistTrain.Protocol;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Coordinator.Simulation;

/// <summary>The promises that every run must keep, checked from outside the actors.</summary>
internal sealed class InvariantChecks(long seed, JobPlan plan, Consistency consistency)
{
    private readonly int staleness = consistency.StalenessBound;
    private readonly bool isAsync = consistency is Consistency.Async;
    private readonly long[] samples = new long[plan.StepsPerEpoch * plan.Epochs];
    private long applied;

    public List<Violation> Violations { get; } = [];

    /// <summary>A message leaves a node: a contribution must not run ahead of what is applied, nor be computed on weights that are too old.</summary>
    public void Sent(object message)
    {
        switch (message)
        {
            case TensorArrived { Header: Weights.Published published }:
                applied = Math.Max(applied, published.Version);
                break;
            case TensorArrived { Header: Gradients.Contribution contribution } when !isAsync:
                long step = contribution.What.Step;
                if (contribution.Version < step - staleness || contribution.Version > step)
                    Break("staleness", $"step {step} was computed on version {contribution.Version}, allowed are {step - staleness} to {step}");
                else if (step > applied + staleness) Break("staleness", $"step {step} was computed when {applied} steps were applied, at most {staleness} ahead are allowed");
                break;
            case Progress.Applied { Server.Value: 0 } report:
                CheckLeaves(report);
                break;
        }
    }

    /// <summary>The coordinator counted a step.</summary>
    public void StepDone(RunEvent.StepDone step)
    {
        samples[step.Step] += step.Samples;
        if (samples[step.Step] != plan.BatchOf(step.Step)) Break("samples", $"step {step.Step} used {samples[step.Step]} samples, its batch has {plan.BatchOf(step.Step)}");
    }

    public void Ended(RunEvent.Finished finished, string weights, string? undisturbed)
    {
        if (undisturbed is not null && weights != undisturbed) Break("weights", $"the weights are {weights[..12]}, of the undisturbed run {undisturbed[..12]}");
        if (finished.Totals.RepeatedSamples + finished.Totals.MissedSamples > 0)
            Break("samples", $"{finished.Totals.RepeatedSamples} samples were used again, {finished.Totals.MissedSamples} never");
    }

    public void NeverEnded(RunEvent? last, long microseconds, long steps) =>
        Break("ends", $"after {microseconds / 1000} virtual ms and {steps} steps: {(last is RunEvent.Failed failed ? failed.Error : last?.GetType().Name ?? "no end")}");

    public void StateBroken(string what) => Break("states", what);

    private void CheckLeaves(Progress.Applied report)
    {
        Span<int> counts = stackalloc int[plan.Pieces];
        counts.Clear();
        foreach (var leaf in report.Leaves) counts[leaf.Piece]++;
        for (int piece = 0; piece < plan.Pieces; piece++)
        {
            int count = counts[piece], expected = plan.Piece(report.Step, piece).Count > 0 ? 1 : 0;
            if (count != expected) Break("contributions", $"step {report.Step} counted piece {piece} {count} times");
        }
    }

    private void Break(string invariant, string what)
    {
        foreach (var known in Violations)
            if (known.Invariant == invariant) return;
        Violations.Add(new Violation(seed, invariant, what));
    }
}
