namespace DistTrain.Optim;

/// <summary>Checks of optimizer options, worded alike. A NaN passes none of them.</summary>
internal static class OptionCheck
{
    public static void NotNegative(string optimizer, string option, double value)
    {
        if (!(value >= 0) || double.IsInfinity(value)) throw new ArgumentException($"{optimizer}: {option} was {value}, expected a finite number of 0 or more");
    }

    /// <summary>Decay rates and the like: in [0, 1).</summary>
    public static void Share(string optimizer, string option, double value)
    {
        if (!(value >= 0 && value < 1)) throw new ArgumentException($"{optimizer}: {option} was {value}, expected 0 or more and below 1");
    }

    public static void Require(bool condition, string optimizer, string what)
    {
        if (!condition) throw new ArgumentException($"{optimizer}: {what}");
    }
}
