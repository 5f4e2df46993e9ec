using System.Text.Json;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Golden;

/// <summary>Metrics against figures that <c>make_metric_figures.py</c> computes from their definitions, sample by sample and pair by pair, in exact fractions; and holds against scikit-learn's documentation.</summary>
internal static class MetricRunner
{
    public static void Run(JsonElement figure)
    {
        var task = Enum.Parse<MetricTask>(figure.GetProperty("task").GetString()!);
        int outputs = figure.GetProperty("outputs").GetInt32();
        float[] scores = Numbers(figure.GetProperty("scores")), targets = Numbers(figure.GetProperty("targets"));
        var expected = figure.GetProperty("figures").EnumerateObject().ToDictionary(one => one.Name, one => one.Value.GetDouble());
        var plan = new MetricPlan { Task = task, Outputs = outputs, Metrics = [.. expected.Keys.Select(name => MetricCatalog.Find(name, task))] };
        int samples = scores.Length / outputs;
        var output = Tensor.From(scores, new Shape(samples, outputs));
        var target = task == MetricTask.MultiClass ? Tensor.From([.. targets.Select(value => (long)value)], new Shape(samples)) : Tensor.From(targets, task == MetricTask.Binary || outputs == 1 ? new Shape(samples) : new Shape(samples, outputs));
        var totals = new MetricTotals(plan);
        totals.Add(MetricCollector.Collect(plan, output, target)!);
        var report = totals.Report(double.NaN, null);
        Assert.All(expected, one => Assert.True(Math.Abs(report[one.Key]!.Value - one.Value) <= 1e-12 * Math.Max(1, Math.Abs(one.Value)), $"{one.Key}: {report[one.Key]}, expected {one.Value}"));
    }

    private static float[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(value => (float)value.GetDouble())];
}
