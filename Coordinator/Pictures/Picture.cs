using ScottPlot;
using SkiaSharp;

namespace DistTrain.Coordinator.Pictures;

/// <summary>Plots side by side on one sheet, saved as SVG and as PNG; and the look that all pictures share.</summary>
internal sealed class Picture(int width, int height, string title)
{
    /// <summary>Blue, for training.</summary>
    public static readonly Color Train = Color.FromHex("#3b76c4");

    /// <summary>Orange, for tests.</summary>
    public static readonly Color Test = Color.FromHex("#e07b28");

    /// <summary>Green, for what is best.</summary>
    public static readonly Color Good = Color.FromHex("#2f9e62");

    /// <summary>Grey, for what stands behind.</summary>
    public static readonly Color Quiet = Color.FromHex("#8a929c");

    private static readonly Color Ink = Color.FromHex("#2c333b");

    /// <summary>Fonts with like widths, so that the text fits wherever the SVG is shown.</summary>
    private const string SvgFonts = "DejaVu Sans, Verdana, sans-serif";

    private const string Font = "DejaVu Sans";

    private const int Sharpness = 2, TitleHeight = 34, Edge = 8, TitleSize = 16, SmallestTitle = 10;

    private readonly List<(Plot Plot, float Left, float Right)> plots = [];

    /// <summary>What data is called in a title: the file's name, without its kind, folders and options; drawn digits have none.</summary>
    public static string NameOf(string data) => data.StartsWith("digits", StringComparison.Ordinal) ? data.Split('?')[0] : Path.GetFileName(data.Split('?')[0][(data.IndexOf(':', StringComparison.Ordinal) + 1)..]);

    /// <summary>Says in a line that no picture was drawn, and why: the drawing library's native part may be missing on a machine.</summary>
    public static string NotDrawn(string folder, Exception error)
    {
        while (error.InnerException is { } inner) error = inner;
        string why = error is DllNotFoundException ? "this machine lacks SkiaSharp's native library or something that it needs" : Worker.CommandLine.CommandRunner.OneLine(error.Message);
        return $"warning: {folder}: no picture was drawn: {why}; the figures are in the folder's .csv file";
    }

    /// <summary>Adds a plot that takes the sheet from one share of its width to another.</summary>
    public Plot Add(double left = 0, double right = 1)
    {
        var plot = new Plot();
        plot.Font.Set(Font);
        plot.FigureBackground.Color = Colors.White;
        plot.DataBackground.Color = Colors.White;
        plot.Grid.MajorLineColor = Color.FromHex("#e6e9ed");
        plot.Axes.Color(Ink);
        plot.Axes.Right.FrameLineStyle.Width = 0;
        plot.Axes.Top.FrameLineStyle.Width = 0;
        foreach (var axis in new IAxis[] { plot.Axes.Bottom, plot.Axes.Left })
        {
            axis.TickLabelStyle.FontSize = 12;
            axis.FrameLineStyle.Color = Quiet;
            axis.MajorTickStyle.Color = Quiet;
            axis.MinorTickStyle.Length = 0;
        }
        plot.Axes.Bottom.Label.FontSize = plot.Axes.Left.Label.FontSize = 13;
        plot.Axes.Bottom.Label.Bold = plot.Axes.Left.Label.Bold = false;
        plot.Legend.FontSize = 12;
        plot.Legend.OutlineColor = Colors.Transparent;
        plot.Legend.ShadowColor = Colors.Transparent;
        plot.Legend.BackgroundColor = Colors.White.WithAlpha(.8);
        plots.Add((plot, (float)left, (float)right));
        return plot;
    }

    /// <summary>Draws a line with its points, where there are few.</summary>
    public static void Line(Plot plot, IReadOnlyList<double> xs, IReadOnlyList<double> ys, Color color, string legend)
    {
        const int MostMarkers = 40;
        var points = xs.Zip(ys).Where(point => double.IsFinite(point.First) && double.IsFinite(point.Second)).ToList();
        if (points.Count == 0) return;
        var line = plot.Add.Scatter(points.Select(p => p.First).ToArray(), points.Select(p => p.Second).ToArray());
        line.Color = color;
        line.LineWidth = 2.2f;
        line.MarkerSize = points.Count <= MostMarkers ? 5 : 0;
        line.LegendText = legend;
    }

    /// <summary>Saves as SVG.</summary>
    public void SaveSvg(string path)
    {
        using var memory = new MemoryStream();
        using (var canvas = SKSvgCanvas.Create(SKRect.Create(width, height), memory)) Draw(canvas);
        string svg = System.Text.Encoding.UTF8.GetString(memory.ToArray())
            .Replace($"font-family=\"{Font}\"", $"font-family=\"{SvgFonts}\"", StringComparison.Ordinal)
            // Skia ends lists of coordinates with a comma, which SVG does not know.
            .Replace(", \"", "\"", StringComparison.Ordinal);
        File.WriteAllText(path, svg);
    }

    /// <summary>Saves as PNG, at twice the size for sharp screens.</summary>
    public void SavePng(string path)
    {
        using var surface = SKSurface.Create(new SKImageInfo(width * Sharpness, height * Sharpness)) ?? throw new IOException($"{path}: a picture of {width} x {height} cannot be drawn");
        surface.Canvas.Scale(Sharpness);
        Draw(surface.Canvas);
        using var image = surface.Snapshot();
        using var data = image.Encode(SKEncodedImageFormat.Png, 100);
        using var file = File.Create(path);
        data.SaveTo(file);
    }

    private void Draw(SKCanvas canvas)
    {
        canvas.Clear(SKColors.White);
        foreach (var (plot, left, right) in plots)
        {
            plot.RenderManager.ClearCanvasBeforeEachRender = false;
            plot.Render(canvas, new PixelRect(Edge + left * (width - 2 * Edge), Edge + right * (width - 2 * Edge), height - Edge, TitleHeight));
        }
        using var typeface = SKTypeface.FromFamilyName(Font);
        using var font = new SKFont(typeface, TitleSize);
        // A long title on a small sheet: in smaller letters, and in none too small to read.
        font.Size = (float)Math.Clamp(TitleSize * (width - 2 * Edge) / Math.Max(1, font.MeasureText(title)), SmallestTitle, TitleSize);
        using var paint = new SKPaint { Color = new SKColor(Ink.ARGB), IsAntialias = true };
        canvas.DrawText(title, width / 2f, TitleHeight - 10, SKTextAlign.Center, font, paint);
    }
}
