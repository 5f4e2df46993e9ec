using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Training;

/// <summary>Runs a trained model over data in slices of 256 samples, as the evaluation at an epoch's end does, so that the loss has the same bits.</summary>
/// <param name="model">The model, in evaluation mode.</param>
/// <param name="data">The samples.</param>
public sealed class Evaluator(Module model, IDataset data)
{
    /// <summary>Told after each slice how many samples are done.</summary>
    public Action<int>? Progress { get; init; }

    /// <summary>Finds loss and metrics.</summary>
    /// <param name="loss">The loss.</param>
    /// <param name="metrics">What is measured.</param>
    /// <exception cref="UserErrorException">The data does not fit the model.</exception>
    public MetricSum Measure(Loss loss, MetricPlan metrics)
    {
        var sum = new MetricSum(metrics);
        Run((count, output, target) => sum.Add(Fitting(() =>
        {
            double denominator = loss.Denominator(target);
            double total = denominator > 0 ? loss.Compute(output, target).Item() * denominator : 0;
            var (correct, counted) = loss.Score(output, target);
            return new EvaluationResult(count, denominator, total, correct, counted, MetricCollector.Collect(metrics, output, target));
        })));
        return sum;
    }

    /// <summary>Hands over each slice's number of samples, outputs and targets; tensors are of use within the call alone.</summary>
    /// <exception cref="UserErrorException">The data does not fit the model.</exception>
    public void Run(Action<int, Tensor, Tensor> take)
    {
        int capacity = Math.Min(JobPlan.EvaluationSlice, Math.Max(1, data.Count));
        SampleBuffer inputs = new(data.Inputs, capacity), targets = new(data.Targets, capacity);
        var arena = new StepArena();
        using var noGrad = GradMode.NoGrad();
        for (int start = 0; start < data.Count; start += JobPlan.EvaluationSlice)
        {
            int count = Math.Min(JobPlan.EvaluationSlice, data.Count - start);
            data.Read(ReadContext.Evaluation, [.. Enumerable.Range(start, count)], inputs.Span(count), targets.Span(count));
            using var step = arena.BeginStep();
            take(count, Fitting(() => model.Forward(Batch(inputs, count))), Batch(targets, count));
            Progress?.Invoke(start + count);
        }
    }

    private T Fitting<T>(Func<T> compute)
    {
        try
        {
            return compute();
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException($"data {data.Name} does not fit the model: {error.Message}", error);
        }
    }

    private static Tensor Batch(SampleBuffer buffer, int count)
    {
        var shape = new Shape([count, .. buffer.Spec.Shape]);
        return buffer.Spec.Type == ElementType.Float32 ? Tensor.From(buffer.Float32(count).Span, shape) : Tensor.From(buffer.Int64(count).Span, shape);
    }
}
