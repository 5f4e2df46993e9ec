using DistTrain.Training;
using ScottPlot;

namespace DistTrain.Coordinator.Pictures;

/// <summary>Loss over the learning rate, with the rate that is suggested.</summary>
internal static class RateCurve
{
    private const int Width = 760, Height = 420;

    /// <summary>What an axis with its label takes, about.</summary>
    private const int AxisWidth = 80, AxisHeight = 100;

    /// <summary>Draws what was tried.</summary>
    public static Picture Draw(string title, IReadOnlyList<RateTrial> trials, double? suggested)
    {
        var picture = new Picture(Width, Height, title);
        var plot = picture.Add();
        double[] xs = [.. trials.Select(trial => Math.Log10(trial.Rate))];
        var raw = plot.Add.ScatterLine(xs, trials.Select(trial => trial.Loss).ToArray());
        raw.Color = Picture.Quiet.WithAlpha(.45);
        raw.LineWidth = 1;
        raw.LegendText = "loss of the step";
        var smooth = plot.Add.ScatterLine(xs, trials.Select(trial => trial.Smooth).ToArray());
        smooth.Color = Picture.Train;
        smooth.LineWidth = 2.4f;
        smooth.LegendText = "smoothed";
        if (suggested is { } rate)
        {
            var line = plot.Add.VerticalLine(Math.Log10(rate), 1.6f, Picture.Good, LinePattern.Dashed);
            line.LegendText = $"suggested: {RateText(rate)}";
            line.ExcludeFromLegend = false;
        }
        double low = trials.Min(trial => trial.Smooth), first = trials[0].Smooth;
        plot.Axes.AutoScale();
        plot.Axes.SetLimitsX(xs[0], xs[^1]);
        // What runs away at the end must not flatten the rest.
        plot.Axes.SetLimitsY(Math.Max(0, low - 0.15 * (first - low)), first + 0.6 * Math.Max(first - low, 0.1 * first));
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { IntegerTicksOnly = true, LabelFormatter = exponent => $"1e{exponent:0}" };
        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { LabelFormatter = TickText.Of };
        plot.XLabel("learning rate");
        plot.YLabel("training loss");
        LegendPlace.Show(plot, Alignment.LowerLeft, Width - AxisWidth, Height - AxisHeight);
        return picture;
    }

    /// <summary>A rate in two digits.</summary>
    public static string RateText(double rate) => rate.ToString(rate is >= 0.001 and < 1000 ? "0.#####" : "0.0e0", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>A rate rounded to two digits.</summary>
    public static double Rounded(double rate)
    {
        double unit = Math.Pow(10, Math.Floor(Math.Log10(rate)) - 1);
        return double.Parse((Math.Round(rate / unit) * unit).ToString("G2", System.Globalization.CultureInfo.InvariantCulture), System.Globalization.CultureInfo.InvariantCulture);
    }
}
