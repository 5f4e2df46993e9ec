using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

namespace DistTrain.Training;

/// <summary>
/// What threads did when: spans on rows, one row per worker and server, written as Chrome trace-event JSON (https://ui.perfetto.dev opens it). Recording costs a lock-free enqueue per span.
/// </summary>
public sealed class Timeline
{
    private readonly ConcurrentQueue<TimelineSpan> spans = new();
    private readonly long origin = Stopwatch.GetTimestamp();

    /// <summary>The time now, in the timeline's own unit.</summary>
    public static long Now => Stopwatch.GetTimestamp();

    /// <summary>Records that something took from <paramref name="start"/> to <paramref name="end"/>.</summary>
    /// <param name="row">Who: <c>worker 0</c>, <c>server 0</c>.</param>
    /// <param name="name">What: forward, backward, send, wait, reduce, step, broadcast.</param>
    /// <param name="start">When it began: a value of <see cref="Now"/>.</param>
    /// <param name="end">When it ended.</param>
    /// <param name="step">The step it belongs to.</param>
    /// <param name="bucket">The bucket, or −1 where it is not of one.</param>
    public void Add(string row, string name, long start, long end, long step, int bucket = -1) => spans.Enqueue(new TimelineSpan(row, name, start, end, step, bucket));

    /// <summary>What was recorded so far, in no order.</summary>
    public IReadOnlyList<TimelineSpan> Spans => spans.ToArray();

    /// <summary>Writes what was recorded.</summary>
    /// <exception cref="UserErrorException">The file cannot be written.</exception>
    public void WriteTo(string path)
    {
        try
        {
            using var file = File.Create(path);
            Write(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"timeline file '{path}' cannot be written: {error.Message}", error);
        }
    }

    /// <summary>Writes what was recorded.</summary>
    public void Write(Stream stream)
    {
        using var writer = new Utf8JsonWriter(stream);
        var recorded = spans.ToArray();
        var rows = recorded.Select(span => span.Row).Distinct().Order(StringComparer.Ordinal).ToList();
        writer.WriteStartObject();
        writer.WriteString("displayTimeUnit", "ms");
        writer.WriteStartArray("traceEvents");
        for (int i = 0; i < rows.Count; i++) WriteRowName(writer, rows[i], i + 1);
        foreach (var span in recorded.OrderBy(span => span.Start)) WriteSpan(writer, span, rows.IndexOf(span.Row) + 1);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteRowName(Utf8JsonWriter writer, string row, int thread)
    {
        writer.WriteStartObject();
        writer.WriteString("name", "thread_name");
        writer.WriteString("ph", "M");
        writer.WriteNumber("pid", 1);
        writer.WriteNumber("tid", thread);
        writer.WriteStartObject("args");
        writer.WriteString("name", row);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private void WriteSpan(Utf8JsonWriter writer, TimelineSpan span, int thread)
    {
        writer.WriteStartObject();
        writer.WriteString("name", span.Name);
        writer.WriteString("cat", "training");
        writer.WriteString("ph", "X");
        writer.WriteNumber("ts", Microseconds(span.Start - origin));
        writer.WriteNumber("dur", Microseconds(span.End - span.Start));
        writer.WriteNumber("pid", 1);
        writer.WriteNumber("tid", thread);
        writer.WriteStartObject("args");
        writer.WriteNumber("step", span.Step);
        if (span.Bucket >= 0) writer.WriteNumber("bucket", span.Bucket);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static double Microseconds(long ticks) => Math.Round(ticks * 1e6 / Stopwatch.Frequency, 3);

}

/// <summary>Something that took its time.</summary>
/// <param name="Row">Who: <c>worker-0</c>, <c>server 0</c>.</param>
/// <param name="Name">What: forward, backward, send, wait, reduce, step, broadcast.</param>
/// <param name="Start">When it began: a value of <see cref="Timeline.Now"/>.</param>
/// <param name="End">When it ended.</param>
/// <param name="Step">The step it belongs to.</param>
/// <param name="Bucket">The bucket, or −1 where it is not of one.</param>
public readonly record struct TimelineSpan(string Row, string Name, long Start, long End, long Step, int Bucket = -1);
