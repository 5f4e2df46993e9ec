namespace DistTrain.Coordinator.Output;

/// <summary>Plain lines, for pipes and files: one per epoch.</summary>
internal sealed class PlainOutput(RunFacts facts, long? logEvery, TextWriter output, TextWriter errors) : IRunOutput
{
    private readonly EpochTable epochs = new(facts.Plan.TestCount > 0, int.MaxValue, facts.Metrics);
    private bool started;

    /// <inheritdoc/>
    public void Tell(RunEvent happened)
    {
        switch (happened)
        {
            case RunEvent.Started e:
                started = true;
                foreach (var line in TextLines.Start(facts, e)) output.WriteLine(line);
                output.WriteLine(epochs.Headings);
                break;
            case RunEvent.StepDone e:
                if ((e.Step + 1) % logEvery == 0) output.WriteLine(TextLines.Step(e));
                break;
            case RunEvent.EpochDone e: output.WriteLine(epochs.Row(e)); break;
            case RunEvent.Noted e: Note(e.Text); break;
            default:
                if (TextLines.Other(happened) is { } other) output.WriteLine(other);
                break;
        }
        output.Flush();
    }

    /// <inheritdoc/>
    public void Note(string text) => errors.WriteLine(text);

    /// <inheritdoc/>
    public void Ended(RunSummary summary)
    {
        if (started) output.WriteLine();
        foreach (var line in TextLines.End(summary)) output.WriteLine(line);
        output.Flush();
    }

    /// <inheritdoc/>
    public void Failed(string error) => errors.WriteLine($"error: {error}");

    /// <inheritdoc/>
    public void Dispose() => output.Flush();
}
