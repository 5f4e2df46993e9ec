using ScottPlot;

namespace DistTrain.Coordinator.Pictures;

/// <summary>Where a legend stands so that it covers no line.</summary>
internal static class LegendPlace
{
    private const double RowHeight = 21, Padding = 24, SymbolWidth = 52, LetterWidth = 7.4;

    private static readonly Alignment[] Corners = [Alignment.LowerRight, Alignment.UpperRight, Alignment.UpperLeft, Alignment.LowerLeft];

    /// <summary>Shows a plot's legend: in the usual corner, or in another where that is free; where none is, the axis is made longer, so that there is room.</summary>
    /// <param name="plot">The plot, its limits set.</param>
    /// <param name="usual">The corner to prefer.</param>
    /// <param name="width">The width of the plot's inside, in pixels.</param>
    /// <param name="height">Its height.</param>
    public static void Show(Plot plot, Alignment usual, double width, double height)
    {
        string[] labels = [.. plot.Legend.GetItems().Select(item => item.LabelText).Where(label => label.Length > 0)];
        if (labels.Length == 0) return;
        var limits = plot.Axes.GetLimits();
        var (wide, high) = (SymbolWidth + LetterWidth * labels.Max(label => label.Length), Padding + RowHeight * labels.Length);
        var (corner, bottom, top) = Find([.. Lines(plot)], limits, Math.Min(0.95, wide / width), Math.Min(0.6, high / height), usual);
        plot.Axes.SetLimitsY(bottom, top);
        plot.ShowLegend(corner);
    }

    /// <summary>Finds a corner for a legend that takes shares of the width and height, and the limits of the axis that leave it free.</summary>
    internal static (Alignment Corner, double Bottom, double Top) Find(IReadOnlyList<(double X, double Y)[]> lines, AxisLimits limits, double wide, double high, Alignment usual)
    {
        foreach (var corner in Corners.Prepend(usual))
            if (IsFree(lines, limits, wide, high, corner)) return (corner, limits.Bottom, limits.Top);
        double room = limits.VerticalSpan * high / (1 - high);
        return usual is Alignment.LowerRight or Alignment.LowerLeft ? (usual, limits.Bottom - room, limits.Top) : (usual, limits.Bottom, limits.Top + room);
    }

    /// <summary>Whether a corner has no part of a line in it.</summary>
    internal static bool IsFree(IReadOnlyList<(double X, double Y)[]> lines, AxisLimits limits, double wide, double high, Alignment corner)
    {
        bool isRight = corner is Alignment.UpperRight or Alignment.LowerRight, isUpper = corner is Alignment.UpperRight or Alignment.UpperLeft;
        double left = isRight ? limits.Right - wide * limits.HorizontalSpan : limits.Left, right = left + wide * limits.HorizontalSpan;
        double bottom = isUpper ? limits.Top - high * limits.VerticalSpan : limits.Bottom, top = bottom + high * limits.VerticalSpan;
        foreach (var line in lines)
            for (int i = 0; i < line.Length; i++)
                if (Crosses(line[i], line[Math.Min(i + 1, line.Length - 1)], left, right, bottom, top)) return false;
        return true;
    }

    /// <summary>Whether a straight line has a point in a rectangle (Liang, Barsky 1984).</summary>
    private static bool Crosses((double X, double Y) from, (double X, double Y) to, double left, double right, double bottom, double top)
    {
        double enters = 0, leaves = 1;
        return Within(to.X - from.X, left - from.X, right - from.X) && Within(to.Y - from.Y, bottom - from.Y, top - from.Y);

        bool Within(double step, double low, double high)
        {
            if (step == 0) return low <= 0 && high >= 0;
            double first = low / step, second = high / step;
            (enters, leaves) = (Math.Max(enters, Math.Min(first, second)), Math.Min(leaves, Math.Max(first, second)));
            return enters <= leaves;
        }
    }

    private static IEnumerable<(double X, double Y)[]> Lines(Plot plot)
    {
        foreach (var line in plot.GetPlottables<ScottPlot.Plottables.Scatter>()) yield return [.. line.Data.GetScatterPoints().Select(point => (point.X, point.Y))];
        foreach (var marker in plot.GetPlottables<ScottPlot.Plottables.Marker>()) yield return [(marker.X, marker.Y)];
    }
}
