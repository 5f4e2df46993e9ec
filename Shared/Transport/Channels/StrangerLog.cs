namespace DistTrain.Transport.Channels;

/// <summary>
/// Says that connections came to the channel's port which are none of the job's: the first by itself, those of the next minute in one line at its end. Whoever knocks at a port may knock a thousand times a second.
/// </summary>
/// <param name="report">Takes the lines.</param>
/// <param name="period">How long connections are counted before they are told of.</param>
internal sealed class StrangerLog(Action<string> report, TimeSpan period) : IDisposable
{
    private readonly Lock gate = new();
    private Timer? turn;
    private int counted;
    private string last = "";

    /// <summary>A connection was turned away: the line that says so.</summary>
    public void Add(string line)
    {
        lock (gate)
        {
            if (turn is not null)
            {
                counted++;
                last = line;
                return;
            }
            turn = new Timer(_ => Tell(), null, period, period);
        }
        report(line);
    }

    public void Dispose()
    {
        lock (gate) turn?.Dispose();
    }

    private void Tell()
    {
        int count;
        string line;
        lock (gate)
        {
            (count, counted, line) = (counted, 0, last);
            if (count == 0)
            {
                turn?.Dispose();
                turn = null;
                return;
            }
        }
        report(count == 1 ? line : FormattableString.Invariant($"{count} more connections to the channel's port in {period.TotalSeconds:0.#} s were none of the job's, the last: {line}"));
    }
}
