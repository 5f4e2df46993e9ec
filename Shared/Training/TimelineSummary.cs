using System.Diagnostics;
using System.Globalization;

namespace DistTrain.Training;

/// <summary>
/// What a timeline comes to: how much of the exchange (send, reduce, step, broadcast) lies beside forward or backward of some worker, and what a step's time goes to. A worker computes during its spans <c>forward</c> and
/// <c>backward</c>, but not while it sends or waits within them.
/// </summary>
public sealed class TimelineSummary
{
    /// <summary>The kinds of work of an exchange, in its order.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["send", "reduce", "step", "broadcast"];

    private readonly Dictionary<string, long> total = [], beside = [], alone = [];
    private readonly Dictionary<string, Row> rows = [];
    private long computing, nothing, window;
    private int steps;

    private TimelineSummary() { }

    /// <summary>Whole steps looked at: from the moment that the first one's forward began anywhere to that of the last one's.</summary>
    public int Steps => steps;

    /// <summary>Milliseconds a step.</summary>
    public double MillisecondsPerStep => Milliseconds(window);

    /// <summary>The share of the time in which at least one worker computed.</summary>
    public double Computing => Share(computing, window);

    /// <summary>The share of the time in which nobody computed and nothing of an exchange was done: messages were on their way, or threads woke up.</summary>
    public double Nothing => Share(nothing, window);

    /// <summary>The share of its time that a worker computed, on average over workers.</summary>
    public double WorkerComputes => rows.Values.Where(row => row.IsWorker).Select(row => Share(row.Computed, window)).DefaultIfEmpty().Average();

    /// <summary>Milliseconds a step that a kind of work took, added up over all who did it.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    public double MillisecondsOf(string kind) => Milliseconds(total.GetValueOrDefault(kind));

    /// <summary>The share of a kind's own time that lies beside computing; NaN where it took none.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    public double Beside(string kind) => Share(beside.GetValueOrDefault(kind), total.GetValueOrDefault(kind));

    /// <summary>The share of the time in which nobody computed and this was the first of <see cref="Kinds"/> that went on: what it adds to a step.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    public double Alone(string kind) => Share(alone.GetValueOrDefault(kind), window);

    /// <summary>A line for people.</summary>
    public override string ToString()
    {
        string Percent(double share) => share.ToString("P0", CultureInfo.InvariantCulture);
        var exchange = Kinds.Where(kind => total.GetValueOrDefault(kind) > 0).ToList();
        return string.Create(CultureInfo.InvariantCulture, $"timeline: {MillisecondsPerStep:F2} ms a step, in {Percent(Computing)} of it somebody computes; beside computing lie {string.Join(", ", exchange.Select(kind => $"{Percent(Beside(kind))} of {kind}"))}")
            + $"; nobody computes but they go on: {string.Join(", ", exchange.Select(kind => $"{kind} {Percent(Alone(kind))}"))}, nothing {Percent(Nothing)}";
    }

    /// <summary>Sums a timeline up.</summary>
    /// <param name="spans">What was recorded.</param>
    /// <param name="first">The first step to look at: those before warm the caches.</param>
    public static TimelineSummary Of(IReadOnlyList<TimelineSpan> spans, long first = 0)
    {
        var summary = new TimelineSummary();
        var begins = new SortedDictionary<long, long>();
        foreach (var span in spans)
            if (span.Name == "forward" && span.Step >= first) begins[span.Step] = Math.Min(begins.GetValueOrDefault(span.Step, long.MaxValue), span.Start);
        if (begins.Count < 2) return summary;
        var (begin, end) = (begins.First().Value, begins.Last().Value);
        (summary.steps, summary.window) = ((int)(begins.Last().Key - begins.First().Key), end - begin);
        var changes = new List<(long Time, int By, TimelineSpan Span)>();
        foreach (var span in spans)
        {
            if (span.End <= begin || span.Start >= end) continue;
            changes.Add((Math.Max(span.Start, begin), 1, span));
            changes.Add((Math.Min(span.End, end), -1, span));
        }
        changes.Sort((a, b) => a.Time != b.Time ? a.Time.CompareTo(b.Time) : a.By.CompareTo(b.By));
        var active = new Dictionary<string, int>();
        long time = begin;
        foreach (var (at, by, span) in changes)
        {
            summary.Pass(at - time, active);
            time = at;
            if (!summary.rows.TryGetValue(span.Row, out var row)) summary.rows.Add(span.Row, row = new Row());
            if (span.Name is "forward" or "backward") row.Passes += by;
            else if (span.Name is "send" or "wait") row.Pauses += by;
            if (span.Name is "forward") row.IsWorker = true;
            active[span.Name] = active.GetValueOrDefault(span.Name) + by;
        }
        summary.Pass(end - time, active);
        return summary;
    }

    /// <summary>Some time passes in which nothing begins or ends.</summary>
    private void Pass(long ticks, Dictionary<string, int> active)
    {
        if (ticks <= 0) return;
        bool anybody = false;
        foreach (var row in rows.Values)
        {
            if (!row.Computes) continue;
            anybody = true;
            row.Computed += ticks;
        }
        foreach (string kind in Kinds)
        {
            long worked = ticks * active.GetValueOrDefault(kind);
            total[kind] = total.GetValueOrDefault(kind) + worked;
            if (anybody) beside[kind] = beside.GetValueOrDefault(kind) + worked;
        }
        if (anybody) computing += ticks;
        else if (Kinds.FirstOrDefault(kind => active.GetValueOrDefault(kind) > 0) is { } going) alone[going] = alone.GetValueOrDefault(going) + ticks;
        else nothing += ticks;
    }

    private double Milliseconds(long ticks) => steps == 0 ? double.NaN : ticks * 1e3 / Stopwatch.Frequency / steps;

    private static double Share(long part, long whole) => whole == 0 ? double.NaN : (double)part / whole;

    private sealed class Row
    {
        public int Passes { get; set; }

        public int Pauses { get; set; }

        public bool IsWorker { get; set; }

        public long Computed { get; set; }

        public bool Computes => Passes > 0 && Pauses == 0;
    }
}
