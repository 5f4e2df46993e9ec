namespace DistTrain.Tests.Golden;

/// <summary>A schedule at work: the rate to use now, and the step to the next, with the metric that some schedules look at.</summary>
internal sealed record RunningSchedule(Func<double> Rate, Action<double?> Step);

/// <summary>Schedules by PyTorch's names, made from a base rate and PyTorch's options.</summary>
internal static class ScheduleTable
{
    private static readonly Dictionary<string, Func<double, Attributes, RunningSchedule>> Table = [];

    public static RunningSchedule Make(string name, double baseRate, Attributes options) =>
        Table.TryGetValue(name, out var make) ? make(baseRate, options) : throw new NotSupportedException($"there is no schedule called {name}");
}
