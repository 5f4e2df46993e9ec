using DistTrain.Coordinator.Runs;
using DistTrain.Training;
using ScottPlot;

namespace DistTrain.Coordinator.Pictures;

/// <summary>How a run went, epoch by epoch: loss, what it measures, samples per second.</summary>
internal static class LearningCurve
{
    private const int Width = 1080, Height = 350, MostMetrics = 4;

    /// <summary>What an axis with its label takes, about.</summary>
    private const int AxisWidth = 80, AxisHeight = 100;

    private static readonly Color[] MetricColors = [Picture.Test, Picture.Good, Color.FromHex("#8e5bb5"), Color.FromHex("#c2417c")];

    /// <summary>Draws the epochs.</summary>
    /// <param name="title">What was trained on what.</param>
    /// <param name="epochs">The epochs, in order; two or more make a curve.</param>
    /// <param name="metrics">What was measured.</param>
    public static Picture Draw(string title, IReadOnlyList<EpochRow> epochs, MetricPlan metrics)
    {
        var picture = new Picture(Width, Height, title);
        double[] numbers = [.. epochs.Select(e => (double)e.Epoch)];
        var shown = Shown(epochs, metrics);
        double third = 1 / (shown.Count > 0 ? 3.0 : 2.0);
        var loss = picture.Add(0, third);
        Picture.Line(loss, numbers, [.. epochs.Select(e => e.TrainLoss)], Picture.Train, "train");
        Picture.Line(loss, numbers, [.. epochs.Select(e => e.TestLoss ?? double.NaN)], Picture.Test, "test");
        if (epochs.LastOrDefault(e => e.IsBest) is { } best && (best.TestLoss ?? best.TrainLoss) is var lowest && double.IsFinite(lowest))
        {
            var ring = loss.Add.Marker(best.Epoch, lowest, MarkerShape.OpenCircle, 13, Picture.Good);
            ring.MarkerLineWidth = 2;
            ring.LegendText = "best";
        }
        Finish(loss, "loss", epochs, third, Alignment.UpperRight);
        if (shown.Count > 0)
        {
            var plot = picture.Add(third, 2 * third);
            foreach (var (metric, i) in shown.Select((metric, i) => (metric, i)))
            {
                if (metric.Name == "accuracy" && epochs.Any(e => e.TrainAccuracy is not null)) Picture.Line(plot, numbers, [.. epochs.Select(e => 100 * e.TrainAccuracy ?? double.NaN)], Picture.Train, "train accuracy");
                Picture.Line(plot, numbers, [.. epochs.Select(e => (metric.IsShare ? 100 : 1) * (e.Metrics.TryGetValue(metric.Key, out double value) ? value : double.NaN))], MetricColors[i], $"test {metric.Name}");
            }
            Finish(plot, shown[0].IsShare ? "%" : string.Join(", ", shown.Select(metric => metric.Name)), epochs, third, shown[0].Goal == Optim.MetricGoal.Max ? Alignment.LowerRight : Alignment.UpperRight);
        }
        var speed = picture.Add(1 - third, 1);
        Picture.Line(speed, numbers, [.. epochs.Select(e => e.SamplesPerSecond)], Picture.Quiet, "");
        Finish(speed, "samples per second", epochs, third, null);
        speed.Axes.SetLimitsY(0, 1.15 * Math.Max(1, epochs.Max(e => e.SamplesPerSecond)));
        return picture;
    }

    /// <summary>Metrics that fit onto one axis: all of the kind of the first.</summary>
    private static List<Metric> Shown(IReadOnlyList<EpochRow> epochs, MetricPlan metrics)
    {
        var measured = metrics.Metrics.Where(metric => epochs.Any(e => e.Metrics.TryGetValue(metric.Key, out double value) && double.IsFinite(value))).ToList();
        return [.. measured.Where(metric => metric.IsShare == measured[0].IsShare && metric.Goal == measured[0].Goal).Take(MostMetrics)];
    }

    private static void Finish(Plot plot, string label, IReadOnlyList<EpochRow> epochs, double share, Alignment? legend)
    {
        plot.XLabel("epoch");
        plot.YLabel(label);
        double first = epochs[0].Epoch, last = epochs[^1].Epoch, edge = Math.Max(0.5, (last - first) * 0.03);
        plot.Axes.AutoScale();
        plot.Axes.SetLimitsX(first - edge, last + edge);
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { IntegerTicksOnly = true };
        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { LabelFormatter = TickText.Of };
        if (legend is { } place) LegendPlace.Show(plot, place, share * Width - AxisWidth, Height - AxisHeight);
        else plot.HideLegend();
    }
}
