using System.Globalization;

namespace DistTrain.Transport.Channels;

/// <summary>
/// Says that somebody came who is none of the job's, such as connections to the channel's port: the first by itself, those of the next minute in one line at its end. Whoever knocks at a port may knock a thousand times a second.
/// </summary>
/// <param name="report">Takes the lines.</param>
/// <param name="period">How long they are counted before they are told of.</param>
/// <param name="who">What a line says of several, between their number and the last of them; {0} is the period in seconds.</param>
/// <param name="first">How many are told of by themselves before.</param>
public sealed class StrangerLog(Action<string> report, TimeSpan period, string who = "more connections to the channel's port in {0} s were none of the job's", int first = 1) : IDisposable
{
    private readonly Lock gate = new();
    private Timer? turn;
    private int told, counted;
    private string last = "";

    /// <summary>Somebody was turned away: the line that says so.</summary>
    public void Add(string line)
    {
        lock (gate)
        {
            if (told >= first)
            {
                counted++;
                last = line;
                return;
            }
            told++;
            turn ??= new Timer(_ => Tell(), null, period, period);
        }
        report(line);
    }

    /// <summary>Tells of nobody any more.</summary>
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
                told = 0;
                return;
            }
        }
        report(count == 1 ? line : string.Create(CultureInfo.InvariantCulture, $"{count} {string.Format(CultureInfo.InvariantCulture, who, period.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture))}, the last: {line}"));
    }
}
