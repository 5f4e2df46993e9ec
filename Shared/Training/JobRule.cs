using DistTrain.Nn;
using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>
/// Makes the one rule that turns a job's averaged flat gradient into its next flat weights, whatever slice it is given: the optimizer with its parameter groups, frozen parameters,
/// and the running statistics behind the parameters. With a job's <see cref="TrainingJob.LearningRateAt"/> it is all that a parameter server needs.
/// </summary>
public static class JobRule
{
    /// <summary>The rule of a job's model. Slices must say where they stand in the layout (<see cref="StateSlices.Position"/>); state buffers cover parameters only.</summary>
    /// <exception cref="UserErrorException">A group's learning-rate factor is out of range.</exception>
    public static UpdateRule Create(TrainingJob job, FlatModel model)
    {
        var clipped = new Dictionary<UpdateRule, UpdateRule>(ReferenceEqualityComparer.Instance);
        var plain = job.Optimizer.WithoutWeightDecay();
        var segments = new List<RuleSegment>();
        bool uniform = model.Layout.Buffers.IsEmpty;
        for (int i = 0; i < model.Count; i++)
        {
            var (entry, parameter) = (model.Layout.Parameters[i], model[i]);
            var group = job.Groups.FirstOrDefault(g => g.Where(entry.Name, parameter));
            if (group is { LearningRateFactor: var factor } && !(factor >= 0 && double.IsFinite(factor)))
                throw new UserErrorException($"the learning rate factor of the group of {entry.Name} was {factor}, expected a finite number of 0 or more");
            var rule = group?.Rule ?? (job.WeightDecayOnMatricesOnly && parameter.Shape.Rank < 2 ? plain : job.Optimizer);
            rule = parameter.RequiresGrad ? Clipped(rule) : null;
            // With the padding behind it: neighbours with one rule then make one long segment.
            int end = i + 1 < model.Count ? model.Layout.Parameters[i + 1].Offset : model.Layout.ParameterLength;
            segments.Add(new RuleSegment(entry.Offset, end - entry.Offset, rule, group?.LearningRateFactor ?? 1));
            uniform &= ReferenceEquals(rule, job.Optimizer) && (group?.LearningRateFactor ?? 1) == 1;
        }
        if (uniform) return job.Optimizer;
        for (int i = 0; i < model.Layout.Buffers.Length; i++)
        {
            var entry = model.Layout.Buffers[i];
            segments.Add(new RuleSegment(entry.Offset, entry.Length, model.UpdateOf(i) is { } update ? new BufferRule(update) : null));
        }
        return new GroupedRule(segments);

        UpdateRule Clipped(UpdateRule rule)
        {
            if (job.ClipValue is not { } bound) return rule;
            if (!clipped.TryGetValue(rule, out var result)) clipped[rule] = result = new ValueClippedRule(rule, bound);
            return result;
        }
    }
}
