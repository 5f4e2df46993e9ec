using System.Globalization;

namespace DistTrain.Worker.CommandLine;

/// <summary>A value as somebody wrote it, and where: what an error message needs to name.</summary>
/// <param name="Source">Where it was given, such as <c>--batch-size</c>, <c>DISTTRAIN_BATCH_SIZE</c> or <c>appsettings.json, batch-size</c>.</param>
/// <param name="Text">The value.</param>
public readonly record struct GivenText(string Source, string Text)
{
    /// <summary>A whole number in [<paramref name="least"/>, <paramref name="most"/>].</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public int Int(int least, int most) => (int)Long(least, most);

    /// <inheritdoc cref="Int"/>
    public long Long(long least, long most) =>
        long.TryParse(Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= least && value <= most
            ? value
            : throw Wrong(most == long.MaxValue ? $"a whole number, {least} or more" : $"a whole number from {least} to {most}");

    /// <summary>A whole number in [0, 2^64).</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public ulong Unsigned() => ulong.TryParse(Text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : throw Wrong($"a whole number from 0 to {ulong.MaxValue}");

    /// <summary>A number in [<paramref name="least"/>, <paramref name="most"/>), or above <paramref name="least"/> only.</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public double Number(double least, double most = double.PositiveInfinity, bool above = false)
    {
        bool isNumber = double.TryParse(Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value);
        if (isNumber && (above ? value > least : value >= least) && value < most) return value;
        var range = above ? $"above {least.ToString(CultureInfo.InvariantCulture)}" : $"{least.ToString(CultureInfo.InvariantCulture)} or more";
        throw Wrong($"a number {range}{(double.IsFinite(most) ? $" and below {most.ToString(CultureInfo.InvariantCulture)}" : "")}");
    }

    /// <summary><c>true</c> or <c>false</c>.</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public bool Switch() => Text switch
    {
        "true" or "True" or "1" => true,
        "false" or "False" or "0" => false,
        _ => throw Wrong("true or false"),
    };

    /// <summary>One of some words.</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public string OneOf(IReadOnlyCollection<string> words)
    {
        var text = Text;
        return words.FirstOrDefault(word => string.Equals(word, text, StringComparison.OrdinalIgnoreCase))
            ?? throw Wrong($"one of {string.Join(", ", words)}{Suggestion.Hint(text, words)}");
    }

    /// <summary>Text that is not empty.</summary>
    /// <exception cref="UserErrorException">It is.</exception>
    public string NotEmpty(string what) => string.IsNullOrWhiteSpace(Text) ? throw Wrong(what) : Text;

    /// <summary>An error that names the place, the value and what is allowed.</summary>
    public UserErrorException Wrong(string expected) => new($"{Source} was '{Text}', expected {expected}");
}
