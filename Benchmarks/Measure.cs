using System.Diagnostics;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DistTrain.Benchmarks;

/// <summary>Timing by best-of-many, and JSON lines.</summary>
internal static class Measure
{
    private static readonly JsonSerializerOptions Json = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Seconds of one call: the best of <paramref name="rounds"/> rounds of about <paramref name="roundSeconds"/> each, so that what else the machine does
    /// shows as little as it can: a round is about as long as a time slice.
    /// </summary>
    public static double Seconds(Action action, int rounds = 100, double roundSeconds = 0.004)
    {
        action();
        var once = Stopwatch.GetTimestamp();
        action();
        var repeats = (int)Math.Clamp(roundSeconds / Math.Max(Stopwatch.GetElapsedTime(once).TotalSeconds, 1e-8), 1, 1_000_000);
        var best = double.MaxValue;
        for (var round = 0; round < rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < repeats; i++) action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds / repeats);
        }

        return best;
    }

    /// <summary>Writes one JSON line.</summary>
    public static void Print(params (string Key, object? Value)[] fields)
    {
        var line = new Dictionary<string, object?>();
        foreach (var (key, value) in fields)
            if (value != null) line[key] = value is double number ? Round(number) : value;
        Console.WriteLine(JsonSerializer.Serialize(line, Json));
    }

    // Four significant digits: more would be noise.
    private static double Round(double value) => value == 0 || !double.IsFinite(value) ? value : double.Parse(value.ToString("G4", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
