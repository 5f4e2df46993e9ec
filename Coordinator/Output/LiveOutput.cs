using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Spectre.Console;

namespace DistTrain.Coordinator.Output;

/// <summary>A live display at the foot of the terminal, drawn ten times a second by a thread of its own; epochs and notes scroll by above it.</summary>
internal sealed class LiveOutput : IRunOutput
{
    private const string HideCursor = "\e[?25l", ShowCursor = "\e[?25h", EraseBelow = "\e[J", ToLineStart = "\r";

    private static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(100);

    private readonly RunFacts facts;
    private readonly long? logEvery;
    private readonly IAnsiConsole console;
    private readonly LiveState state;
    private readonly EpochTable epochs;
    private readonly ConcurrentQueue<Markup> lines = new();
    private readonly ManualResetEventSlim ending = new();
    private readonly Thread painter;

    /// <summary>Begins to draw.</summary>
    public LiveOutput(RunFacts facts, long? logEvery, IAnsiConsole console)
    {
        (this.facts, this.logEvery, this.console) = (facts, logEvery, console);
        state = new LiveState(facts, Stopwatch.GetTimestamp);
        epochs = new EpochTable(facts.Plan.TestCount > 0, console.Profile.Width, facts.Metrics);
        painter = new Thread(Paint) { IsBackground = true, Name = "display" };
        painter.Start();
    }

    /// <inheritdoc/>
    public void Tell(RunEvent happened)
    {
        state.Add(happened);
        switch (happened)
        {
            case RunEvent.Started e:
                foreach (var line in TextLines.Start(facts, e)) Print(line);
                Print(epochs.Headings, "grey");
                break;
            case RunEvent.StepDone e:
                if ((e.Step + 1) % logEvery == 0) Print(TextLines.Step(e));
                break;
            case RunEvent.EpochDone e: Print(epochs.Row(e)); break;
            case RunEvent.Noted e: Note(e.Text); break;
            default:
                if (TextLines.Other(happened) is { } other) Print(other, happened is RunEvent.CheckpointDone ? "grey" : "yellow");
                break;
        }
    }

    /// <inheritdoc/>
    public void Note(string text) => Print(text, "yellow");

    /// <inheritdoc/>
    public void Ended(RunSummary summary)
    {
        StopPainting();
        Console.Out.WriteLine();
        foreach (var line in TextLines.End(summary)) Console.Out.WriteLine(line);
    }

    /// <inheritdoc/>
    public void Failed(string error)
    {
        StopPainting();
        Console.Error.WriteLine($"error: {error}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        StopPainting();
        ending.Dispose();
    }

    private void Print(string line, string? style = null) => lines.Enqueue(style is null ? new Markup(Markup.Escape(line)) : new Markup($"[{style}]{Markup.Escape(line)}[/]"));

    private void StopPainting()
    {
        if (!painter.IsAlive) return;
        ending.Set();
        painter.Join();
    }

    private void Paint()
    {
        Write(HideCursor);
        int below = 0;
        bool isLast;
        do
        {
            isLast = ending.Wait(Frame);
            // One write per frame, so that no half of one is ever seen.
            var frame = new StringBuilder();
            if (below > 0) frame.Append(CultureInfo.InvariantCulture, $"\e[{below}A");
            frame.Append(ToLineStart).Append(EraseBelow);
            while (lines.TryDequeue(out var line)) frame.Append(console.ToAnsi(line)).Append('\n');
            below = 0;
            if (!isLast)
            {
                // The window may have been resized meanwhile.
                foreach (var line in LiveView.Draw(state.Now(), facts.Epochs, console.Profile.Width, console.Profile.Height))
                {
                    frame.Append(console.ToAnsi(line)).Append('\n');
                    below++;
                }
            }
            Write(frame.ToString());
        }
        while (!isLast);
        Write(ShowCursor);
    }

    private static void Write(string text)
    {
        Console.Out.Write(text);
        Console.Out.Flush();
    }
}
