using System.Globalization;

namespace DistTrain.Coordinator.Pictures;

/// <summary>Numbers at an axis: short, the same in every language.</summary>
internal static class TickText
{
    /// <summary>A number.</summary>
    public static string Of(double value) => Math.Abs(value) switch
    {
        >= 1e9 => (value / 1e9).ToString("0.##", CultureInfo.InvariantCulture) + " G",
        >= 1e6 => (value / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + " M",
        >= 1e3 => (value / 1e3).ToString("0.##", CultureInfo.InvariantCulture) + " k",
        0 => "0",
        < 1e-3 => value.ToString("0.#e0", CultureInfo.InvariantCulture),
        _ => value.ToString("0.####", CultureInfo.InvariantCulture),
    };
}
