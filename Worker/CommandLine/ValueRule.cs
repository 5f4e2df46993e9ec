namespace DistTrain.Worker.CommandLine;

/// <summary>What a setting's value is.</summary>
public enum ValueKind
{
    /// <summary>A whole number.</summary>
    Whole,

    /// <summary>A number.</summary>
    Number,

    /// <summary>Two numbers.</summary>
    Pair,

    /// <summary>True or false.</summary>
    Switch,

    /// <summary>One of some words.</summary>
    Word,
}

/// <summary>What a setting allows: asked of the code that checks its values, so that the schema of job files says what is checked.</summary>
/// <param name="Kind">What the value is.</param>
public sealed record ValueRule(ValueKind Kind)
{
    /// <summary>The smallest value; null for none.</summary>
    public double? Least { get; init; }

    /// <summary>The largest value; null for none.</summary>
    public double? Most { get; init; }

    /// <summary>What the value must be above; null for nothing.</summary>
    public double? Above { get; init; }

    /// <summary>What the value must be below; null for nothing.</summary>
    public double? Below { get; init; }

    /// <summary>The words that it may be.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>What a setting allows; null where its check is no range and no choice of words.</summary>
    /// <param name="setting">The setting.</param>
    /// <param name="options">Options to try a value on.</param>
    public static ValueRule? Of<T>(Setting<T> setting, T options)
    {
        try
        {
            setting.Set(options, GivenText.Question);
        }
        catch (Answer answer)
        {
            return answer.Rule;
        }
        catch (UserErrorException)
        {
            // Nothing was given, and that is not allowed: what is, only the check itself knows.
        }
        return null;
    }

    /// <summary>Ends a check that was asked what it allows.</summary>
    internal sealed class Answer(ValueRule rule) : Exception
    {
        public ValueRule Rule => rule;
    }
}
