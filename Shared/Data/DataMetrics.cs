using System.Diagnostics.Metrics;

namespace DistTrain.Data;

/// <summary>What reading data costs, for whoever listens to .NET's metrics (dotnet-counters, OpenTelemetry): meter <see cref="Meter"/>.</summary>
public static class DataMetrics
{
    /// <summary>The meter's name.</summary>
    public const string Meter = "DistTrain.Data";

    private static readonly Counter<double> Waited = new Meter(Meter).CreateCounter<double>("disttrain.data.wait", "s", "Time that training waited for data.");

    /// <summary>Adds time that was waited.</summary>
    internal static void Add(TimeSpan time) => Waited.Add(time.TotalSeconds);
}
