using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Worker.Operation;

/// <summary>What a node tells of itself on stderr: plain lines for a person who started it, or a log with time, level and fields for a machine.</summary>
public sealed class NodeLog : IDisposable
{
    private readonly ILoggerFactory? factory;

    /// <summary>Opens the log.</summary>
    /// <param name="format"><c>text</c>, <c>json</c>, or null for plain lines.</param>
    /// <param name="category">Who logs, such as <c>DistTrain.Worker</c>.</param>
    public NodeLog(string? format, string category)
    {
        Events = NullLogger.Instance;
        if (format is null) return;
        const string Time = "yyyy-MM-ddTHH:mm:ss.fffZ";
        factory = LoggerFactory.Create(builder =>
        {
            if (format == "json") builder.AddJsonConsole(options => (options.TimestampFormat, options.UseUtcTimestamp) = (Time, true));
            else builder.AddSimpleConsole(options => (options.TimestampFormat, options.UseUtcTimestamp, options.SingleLine) = (Time + " ", true, true));
            builder.AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace);
        });
        Events = factory.CreateLogger(category);
        Lines = new LineWriter(this);
    }

    /// <summary>Takes what has fields; goes nowhere without a format.</summary>
    public ILogger Events { get; }

    /// <summary>Takes lines, as stderr does.</summary>
    public TextWriter Lines { get; } = Console.Error;

    /// <summary>Tells a line that has no fields.</summary>
    public void Note(string line)
    {
        if (factory is null) Console.Error.WriteLine(line);
        else if (line.StartsWith("error: ", StringComparison.Ordinal)) Events.Error(line["error: ".Length..]);
        else if (line.StartsWith("warning: ", StringComparison.Ordinal)) Events.Warning(line["warning: ".Length..]);
        else Events.Said(line);
    }

    /// <summary>Writes out what is still on its way.</summary>
    public void Dispose() => factory?.Dispose();

    private sealed class LineWriter(NodeLog log) : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void WriteLine(string? value) => log.Note(value ?? "");
    }
}
