namespace DistTrain.Data;

/// <summary>What to do about rows that cannot be used: stop at the first, or skip and count them.</summary>
internal sealed class BadRows(string file, bool skip, string what = "malformed row")
{
    private string? first;

    /// <summary>The option that says so.</summary>
    public static readonly DataOption Option = new("on-bad-row", "what to do about a malformed row: fail (default) or skip, which counts and reports them") { Words = ["fail", "skip"] };

    /// <summary>The rows skipped so far.</summary>
    public long Count { get; private set; }

    /// <summary>What a user should be told; null when nothing was skipped.</summary>
    public string? Notice => Count == 0 ? null : $"{file}: skipped {Count} {what}{(Count > 1 ? "s" : "")}; the first: {first}";

    /// <summary>Tells of a row.</summary>
    /// <param name="place">Where: <c>line 12, column 'age'</c>.</param>
    /// <param name="problem">What it was and what it should be.</param>
    /// <exception cref="UserErrorException">Rows are not to be skipped.</exception>
    public void Add(string place, string problem)
    {
        if (!skip)
            throw new UserErrorException($"{file}, {place}: {problem}");
        first ??= $"{place}: {problem}";
        Count++;
    }

    /// <summary>Tells of something that a whole message is about, file included.</summary>
    /// <exception cref="UserErrorException">It is not to be skipped.</exception>
    public void AddWhole(string message)
    {
        if (!skip)
            throw new UserErrorException(message);
        first ??= message;
        Count++;
    }

    /// <summary>A value as a message shows it: short, in one line.</summary>
    public static string Show(ReadOnlySpan<char> value)
    {
        var text = value.Length > 40 ? value[..40].ToString() + "…" : value.ToString();
        return "'" + text.Replace('\n', ' ').Replace('\r', ' ') + "'";
    }
}
