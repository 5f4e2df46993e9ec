using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Training;

/// <summary>Gathers what metrics need from one slice's outputs and targets.</summary>
public static class MetricCollector
{
    /// <summary>Looks at a slice.</summary>
    /// <param name="plan">What is measured.</param>
    /// <param name="output">The model's outputs, <c>[N, outputs]</c> or <c>[N, T, outputs]</c>.</param>
    /// <param name="target">The targets.</param>
    /// <exception cref="UserErrorException">The outputs are no classes of the data.</exception>
    public static SliceDetail? Collect(MetricPlan plan, Tensor output, Tensor target)
    {
        if (plan.Needs == MetricNeeds.Nothing) return null;
        if (plan.Misfit(output.Rank == 0 ? 1 : output.Shape[^1]) is { } misfit) throw new UserErrorException(misfit);
        return plan.Task switch
        {
            MetricTask.Regression => Errors(plan, output, target),
            MetricTask.Binary or MetricTask.MultiLabel => Labels(plan, output, target),
            MetricTask.MultiClass or MetricTask.Tokens => Classes(plan, output, target),
            _ => null,
        };
    }

    private static SliceDetail Classes(MetricPlan plan, Tensor output, Tensor target)
    {
        int classes = output.Shape[^1];
        var logits = output.Contiguous().Span;
        var labels = target.Contiguous().LongSpan;
        bool scored = plan.Needs.HasFlag(MetricNeeds.Scores), counted = plan.HasMatrix;
        var probabilities = scored ? output.Softmax(-1).Contiguous().Span : default;
        var ks = plan.TopK;
        var hits = new long[ks.Length];
        var pairs = new SortedDictionary<long, long>();
        var scores = ImmutableArray.CreateBuilder<float>();
        var kept = ImmutableArray.CreateBuilder<int>();
        int rows = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] == plan.IgnoredLabel) continue;
            rows++;
            var row = logits.Slice(i * classes, classes);
            if (ks.Length > 0)
            {
                int rank = Rank(row, (int)labels[i]);
                for (int k = 0; k < ks.Length; k++)
                    if (rank < ks[k]) hits[k]++;
            }
            if (counted)
            {
                long cell = labels[i] * plan.Outputs + Reduce.ArgMax(row);
                pairs[cell] = pairs.GetValueOrDefault(cell) + 1;
            }
            if (!scored) continue;
            scores.AddRange(probabilities.Slice(i * classes, classes));
            kept.Add((int)labels[i]);
        }
        return new SliceDetail([.. hits, .. pairs.SelectMany(pair => new[] { pair.Key, pair.Value })], [], scores.ToImmutable(), kept.ToImmutable(), rows);
    }

    /// <summary>How many classes come before this one: those with a larger output and, among equal ones, those with a smaller number.</summary>
    private static int Rank(ReadOnlySpan<float> row, int label)
    {
        float own = row[label];
        if (float.IsNaN(own)) return int.MaxValue;
        int before = 0;
        for (int c = 0; c < row.Length; c++)
            if (row[c] > own || (row[c] == own && c < label)) before++;
        return before;
    }

    private static SliceDetail Labels(MetricPlan plan, Tensor output, Tensor target)
    {
        int outputs = plan.Outputs;
        var logits = output.Contiguous().Span;
        var targets = target.To(DType.Float32).Contiguous().Span;
        bool scored = plan.Needs.HasFlag(MetricNeeds.Scores);
        var counts = new long[4 * outputs + 1];
        var labels = scored ? ImmutableArray.CreateBuilder<int>(targets.Length) : null;
        int rows = targets.Length / outputs;
        for (int i = 0; i < rows; i++)
        {
            bool isRight = true;
            for (int j = 0; j < outputs; j++)
            {
                bool says = logits[i * outputs + j] > 0f, holds = targets[i * outputs + j] > 0.5f;
                counts[4 * j + (says ? holds ? 0 : 1 : holds ? 2 : 3)]++;
                isRight &= says == holds;
                labels?.Add(holds ? 1 : 0);
            }
            if (isRight) counts[^1]++;
        }
        return new SliceDetail([.. counts], [], scored ? [.. logits] : [], labels?.ToImmutable() ?? [], rows);
    }

    private static SliceDetail Errors(MetricPlan plan, Tensor output, Tensor target)
    {
        int columns = plan.Outputs;
        var found = output.Contiguous().Span;
        var wanted = target.To(DType.Float32).Contiguous().Span;
        int rows = wanted.Length / columns;
        var sums = new double[4 * columns];
        for (int j = 0; j < columns; j++)
        {
            double absolute = 0, squares = 0, total = 0, deviations = 0;
            for (int i = 0; i < rows; i++)
            {
                double error = (double)found[i * columns + j] - wanted[i * columns + j];
                absolute += Math.Abs(error);
                squares += error * error;
                total += wanted[i * columns + j];
            }
            double mean = total / rows;
            for (int i = 0; i < rows; i++)
            {
                double deviation = wanted[i * columns + j] - mean;
                deviations += deviation * deviation;
            }
            (sums[4 * j], sums[4 * j + 1], sums[4 * j + 2], sums[4 * j + 3]) = (absolute, squares, mean, deviations);
        }
        return new SliceDetail([], [.. sums], [], [], rows);
    }
}
