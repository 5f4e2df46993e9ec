using Spectre.Console;
using Spectre.Console.Rendering;

namespace DistTrain.Coordinator.Output;

/// <summary>A <see cref="LiveState.Picture"/> as lines of a terminal, as wide as it is; what matters least goes first where there is little room.</summary>
internal static class LiveView
{
    private const int MostWorkers = 8, LeastBar = 6, MostBar = 40;

    /// <summary>Draws it.</summary>
    public static IReadOnlyList<IRenderable> Draw(LiveState.Picture picture, long epochs, int width, int height)
    {
        var lines = new List<IRenderable> { new Text(""), ProgressLine(picture, epochs, width - 1) };
        int room = Math.Clamp(height - 6, 0, MostWorkers), shown = picture.Workers.Count <= room ? picture.Workers.Count : Math.Max(0, room - 1);
        int name = picture.Workers.Take(shown).Select(w => w.Name.Length).DefaultIfEmpty(0).Max();
        int shards = picture.Workers.Take(shown).Select(w => w.Shards.Length).DefaultIfEmpty(0).Max();
        foreach (var worker in picture.Workers.Take(shown))
        {
            var pace = worker.SamplesPerS is { } rate ? $"{TextLines.Count((long)rate),8} samples/s" : "";
            lines.Add(Cut($" {worker.Name.PadRight(name)}  {worker.Shards.PadRight(shards)}  {pace}".TrimEnd(), width - 1));
        }
        if (shown < picture.Workers.Count && room > 0) lines.Add(Cut($" and {picture.Workers.Count - shown} more workers", width - 1));
        return lines;
    }

    private static Markup ProgressLine(LiveState.Picture picture, long epochs, int width)
    {
        var head = $" epoch {picture.Epoch}/{epochs}";
        var percent = picture.Evaluating ? "testing" : $"{(int)(100 * picture.Done),3} %";
        List<string> figures = [];
        if (picture.Loss is { } loss) figures.Add($"loss {TextLines.Loss(loss)}");
        if (picture.SamplesPerS is { } rate) figures.Add($"{TextLines.Count((long)rate)} samples/s");
        if (picture.Left is { TotalDays: < 100 } left) figures.Add($"{Clock(left)} left");
        int used = head.Length + 1 + percent.Length;
        int Bar() => width - used - figures.Sum(f => f.Length + 2) - 1;
        while (figures.Count > 0 && Bar() < LeastBar) figures.RemoveAt(figures.Count - 1);
        int bar = Math.Min(MostBar, Bar());
        var drawn = bar < LeastBar ? "" : $" {BarOf(picture.Done, bar)}";
        var tail = string.Concat(figures.Select(f => "  " + Markup.Escape(f)));
        return new Markup($"[bold]{head}[/]{drawn} {percent}{tail}");
    }

    /// <summary>A line in two shades; half cells make it move smoothly.</summary>
    private static string BarOf(double done, int width)
    {
        int halves = (int)(done * width * 2), full = halves / 2;
        var tip = full < width && halves % 2 == 1 ? "╸" : "";
        return $"[green]{new string('━', full)}{tip}[/][grey35]{new string('━', width - full - tip.Length)}[/]";
    }

    private static Text Cut(string line, int width) => new(line.Length > width ? line[..Math.Max(0, width)] : line, new Style(Color.Grey));

    private static string Clock(TimeSpan time) => time.TotalHours >= 1 ? $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}" : $"{time.Minutes}:{time.Seconds:00}";
}
