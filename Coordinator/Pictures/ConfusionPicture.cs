using System.Globalization;
using DistTrain.Training;
using ScottPlot;

namespace DistTrain.Coordinator.Pictures;

/// <summary>A confusion matrix: a row for each true class, the deeper the blue the larger its share that was taken for the column's class.</summary>
internal static class ConfusionPicture
{
    /// <summary>The most classes that make a readable picture.</summary>
    public const int MostClasses = 60;

    private const int MostWithNumbers = 20, MostLetters = 18, LetterWidth = 8, AxisWidth = 90;

    private static readonly Color Deep = Color.FromHex("#1f5ea8"), Pale = Color.FromHex("#f3f6fa"), Dark = Color.FromHex("#16283d");

    /// <summary>Draws a matrix.</summary>
    public static Picture Draw(string title, ConfusionMatrix matrix)
    {
        int n = matrix.Names.Length;
        int size = Math.Clamp(220 + 44 * n, 420, 1100);
        var picture = new Picture(size + 60, size, title);
        var plot = picture.Add();
        plot.Grid.IsVisible = false;
        for (int actual = 0; actual < n; actual++)
        {
            long total = 0;
            for (int j = 0; j < n; j++) total += matrix[actual, j];
            for (int predicted = 0; predicted < n; predicted++)
            {
                long count = matrix[actual, predicted];
                double share = total == 0 ? 0 : (double)count / total;
                // The first class stands on top, as in a table.
                double x = predicted, y = n - 1 - actual;
                var cell = plot.Add.Rectangle(x - 0.48, x + 0.48, y - 0.48, y + 0.48);
                // A few in a hundred must be seen: the root lifts them out of the white.
                cell.FillColor = Pale.MixedWith(Deep, Math.Sqrt(share));
                cell.LineWidth = 0;
                if (n > MostWithNumbers || count == 0) continue;
                var text = plot.Add.Text(Short(count), x, y);
                text.LabelFontSize = n <= 12 ? 13 : 10;
                text.LabelFontColor = Math.Sqrt(share) > 0.6 ? Colors.White : Dark;
                text.LabelAlignment = Alignment.MiddleCenter;
            }
        }
        string[] names = [.. matrix.Names.Select(Cut)];
        plot.Axes.Bottom.SetTicks([.. Enumerable.Range(0, n).Select(i => (double)i)], names);
        plot.Axes.Left.SetTicks([.. Enumerable.Range(0, n).Select(i => (double)(n - 1 - i))], names);
        // Names that would touch each other stand aslant.
        if (names.Max(name => name.Length) * LetterWidth > (size - AxisWidth) / n - 10)
        {
            plot.Axes.Bottom.TickLabelStyle.Rotation = -45;
            plot.Axes.Bottom.TickLabelStyle.OffsetY = 6;
            plot.Axes.Bottom.TickLabelStyle.Alignment = Alignment.MiddleRight;
            plot.Axes.Bottom.MinimumSize = 40 + 5 * names.Max(name => name.Length);
        }
        plot.Axes.Bottom.MajorTickStyle.Length = plot.Axes.Left.MajorTickStyle.Length = 0;
        plot.Axes.Bottom.FrameLineStyle.Width = plot.Axes.Left.FrameLineStyle.Width = 0;
        plot.Axes.SetLimits(-0.5, n - 0.5, -0.5, n - 0.5);
        plot.XLabel("predicted");
        plot.YLabel("true");
        return picture;
    }

    private static string Short(long count) => count < 10_000 ? count.ToString(CultureInfo.InvariantCulture) : TickText.Of(count);

    private static string Cut(string name) => name.Length <= MostLetters ? name : name[..(MostLetters - 1)] + "…";
}
