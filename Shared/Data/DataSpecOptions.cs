using System.Globalization;

namespace DistTrain.Data;

/// <summary>Reads the options of a request for data; a wrong value is one clear line.</summary>
internal static class DataSpecOptions
{
    /// <summary>The path, which must be there.</summary>
    public static string RequirePath(this DataSpec spec, string usage) => spec.Path.Length > 0 ? spec.Path
        : throw new UserErrorException($"Data '{spec}' names no file or folder; expected {usage}");

    /// <summary>A text.</summary>
    public static string? Text(this DataSpec spec, string option) => spec.Options.GetValueOrDefault(option);

    /// <summary>Names with commas between them; none where the option is not given.</summary>
    public static string[] Names(this DataSpec spec, string option) =>
        spec.Text(option) is { } text ? text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) : [];

    /// <summary>One of an option's words; the first where it is not given.</summary>
    public static string Choice(this DataSpec spec, DataOption option)
    {
        var text = spec.Text(option.Name) ?? option.Words[0];
        return option.Words.FirstOrDefault(word => string.Equals(word, text, StringComparison.OrdinalIgnoreCase))
            ?? throw spec.Wrong(option.Name, text, $"{(option.Words.Length == 2 ? string.Join(" or ", option.Words) : $"one of {string.Join(", ", option.Words)}")}{Suggestion.Hint(text, option.Words)}");
    }

    /// <summary>A whole number in an option's range.</summary>
    public static long Whole(this DataSpec spec, DataOption option, long otherwise) => spec.Whole(option.Name, otherwise, (long)option.Range!.Value.Least, (long)option.Range.Value.Most);

    /// <summary>A number in an option's range.</summary>
    public static double Number(this DataSpec spec, DataOption option, double otherwise) => spec.Number(option.Name, otherwise, option.Range!.Value.Least, option.Range.Value.Most);

    /// <summary>A whole number in a range.</summary>
    public static long Whole(this DataSpec spec, string option, long otherwise, long least, long most)
    {
        if (spec.Text(option) is not { } text)
            return otherwise;
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw spec.Wrong(option, text, $"a whole number from {least} to {most}");
    }

    /// <summary>A number in a range, ends included.</summary>
    public static double Number(this DataSpec spec, string option, double otherwise, double least, double most)
    {
        if (spec.Text(option) is not { } text)
            return otherwise;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw spec.Wrong(option, text, FormattableString.Invariant($"a number from {least} to {most}"));
    }

    /// <summary>The sizes of a shape, such as <c>1,28,28</c>; null where the option is not given.</summary>
    public static int[]? Shape(this DataSpec spec, string option)
    {
        if (spec.Text(option) is not { } text)
            return null;
        var parts = text.Split(',');
        var shape = new int[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out shape[i]) || shape[i] < 1)
                throw spec.Wrong(option, text, "sizes of 1 or more with commas between them, such as 1,28,28");
        }
        return shape;
    }

    /// <summary>The error of an option's wrong value.</summary>
    public static UserErrorException Wrong(this DataSpec spec, string option, string was, string expected) =>
        new($"Data '{spec}': {option} was '{was}'; expected {expected}");
}
