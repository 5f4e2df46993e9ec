using System.Collections.Immutable;
using System.Globalization;
using DistTrain.Training;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>Metrics by their names in events, and as a line of text in a checkpoint.</summary>
internal static class NamedValues
{
    /// <summary>The values of a report.</summary>
    public static ImmutableSortedDictionary<string, double> Of(MetricReport report) => report.Values.ToImmutableSortedDictionary(value => value.Metric.Key, value => value.Value, StringComparer.Ordinal);

    /// <summary>As text that <see cref="Parse"/> reads back to the bit.</summary>
    public static string ToText(ImmutableSortedDictionary<string, double> values) => string.Join(' ', values.Select(value => FormattableString.Invariant($"{value.Key}={value.Value:R}")));

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public static ImmutableSortedDictionary<string, double> Parse(string text)
    {
        var values = ImmutableSortedDictionary.CreateBuilder<string, double>(StringComparer.Ordinal);
        foreach (string part in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = part.IndexOf('=');
            if (equals < 1 || !double.TryParse(part[(equals + 1)..], CultureInfo.InvariantCulture, out double value)) throw new UserErrorException($"metrics were '{text}', expected names and values");
            values[part[..equals]] = value;
        }
        return values.ToImmutable();
    }
}
