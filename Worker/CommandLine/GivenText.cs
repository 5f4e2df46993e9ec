using System.Globalization;

namespace DistTrain.Worker.CommandLine;

/// <summary>A value as somebody wrote it, and where: what an error message needs to name.</summary>
/// <param name="Source">Where it was given, such as <c>--batch-size</c>, <c>DISTTRAIN_BATCH_SIZE</c> or <c>appsettings.json, batch-size</c>.</param>
/// <param name="Text">The value.</param>
public readonly record struct GivenText(string Source, string Text)
{
    /// <summary>No value, but the question what is allowed: see <see cref="ValueRule.Of"/>.</summary>
    internal static GivenText Question => new("", "") { IsQuestion = true };

    private bool IsQuestion { get; init; }

    /// <summary>A whole number in [<paramref name="least"/>, <paramref name="most"/>].</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public int Int(int least, int most) => (int)Long(least, most);

    /// <inheritdoc cref="Int"/>
    public long Long(long least, long most)
    {
        Tell(new ValueRule(ValueKind.Whole) { Least = least, Most = most == long.MaxValue ? null : most });
        return long.TryParse(Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= least && value <= most
            ? value
            : throw Wrong(most == long.MaxValue ? $"a whole number, {least} or more" : $"a whole number from {least} to {most}");
    }

    /// <summary>A whole number in [0, 2^64).</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public ulong Unsigned()
    {
        Tell(new ValueRule(ValueKind.Whole) { Least = 0 });
        return ulong.TryParse(Text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : throw Wrong($"a whole number from 0 to {ulong.MaxValue}");
    }

    /// <summary>A number in [<paramref name="least"/>, <paramref name="most"/>), or above <paramref name="least"/> only.</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public double Number(double least, double most = double.PositiveInfinity, bool above = false)
    {
        Tell(new ValueRule(ValueKind.Number) { Least = above ? null : least, Above = above ? least : null, Below = double.IsFinite(most) ? most : null });
        bool isNumber = double.TryParse(Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value);
        if (isNumber && (above ? value > least : value >= least) && value < most) return value;
        var range = above ? $"above {least.ToString(CultureInfo.InvariantCulture)}" : $"{least.ToString(CultureInfo.InvariantCulture)} or more";
        throw Wrong($"a number {range}{(double.IsFinite(most) ? $" and below {most.ToString(CultureInfo.InvariantCulture)}" : "")}");
    }

    /// <summary>Two numbers in [<paramref name="least"/>, <paramref name="most"/>), with a comma between them.</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public (double First, double Second) Pair(double least, double most)
    {
        Tell(new ValueRule(ValueKind.Pair) { Least = least, Below = most });
        string[] parts = Text.Split(',');
        if (parts.Length != 2) throw Wrong(FormattableString.Invariant($"two numbers of {least} or more and below {most}, such as 0.9,0.99"));
        return ((this with { Text = parts[0] }).Number(least, most), (this with { Text = parts[1] }).Number(least, most));
    }

    /// <summary><c>true</c> or <c>false</c>.</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public bool Switch()
    {
        Tell(new ValueRule(ValueKind.Switch));
        return Text switch
        {
            "true" or "True" or "1" => true,
            "false" or "False" or "0" => false,
            _ => throw Wrong("true or false"),
        };
    }

    /// <summary>One of some words.</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public string OneOf(IReadOnlyCollection<string> words)
    {
        Tell(new ValueRule(ValueKind.Word) { Words = [.. words] });
        var text = Text;
        return words.FirstOrDefault(word => string.Equals(word, text, StringComparison.OrdinalIgnoreCase))
            ?? throw Wrong($"one of {string.Join(", ", words)}{Suggestion.Hint(text, words)}");
    }

    /// <summary>Text that is not empty.</summary>
    /// <exception cref="UserErrorException">It is.</exception>
    public string NotEmpty(string what) => string.IsNullOrWhiteSpace(Text) ? throw Wrong(what) : Text;

    /// <summary>An error that names the place, the value and what is allowed.</summary>
    public UserErrorException Wrong(string expected) => new($"{Source} was '{Text}', expected {expected}");

    /// <summary>Answers where it was asked what is allowed.</summary>
    private void Tell(ValueRule rule)
    {
        if (IsQuestion) throw new ValueRule.Answer(rule);
    }
}
