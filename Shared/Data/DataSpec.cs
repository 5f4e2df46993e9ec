namespace DistTrain.Data;

/// <summary>
/// A request for data as a user writes it: <c>kind</c>, <c>kind:path</c> or <c>kind:path?option=value&amp;option=value</c>.
/// </summary>
/// <param name="Kind">The kind, such as <c>mnist</c>.</param>
/// <param name="Path">What follows the colon: a file, a folder, or numbers; empty where nothing does.</param>
/// <param name="Options">Options by name.</param>
public sealed record DataSpec(string Kind, string Path, IReadOnlyDictionary<string, string> Options)
{
    /// <summary>Takes a request apart.</summary>
    /// <exception cref="UserErrorException">It is empty, or an option has no value or is given twice.</exception>
    public static DataSpec Parse(string text)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        var rest = text;
        if (text.LastIndexOf('?') is >= 0 and var question)
        {
            foreach (var pair in text[(question + 1)..].Split('&', StringSplitOptions.RemoveEmptyEntries))
            {
                var equals = pair.IndexOf('=');
                if (equals < 1)
                    throw new UserErrorException($"Data '{text}': '{pair}' is no option; expected name=value");
                if (!options.TryAdd(pair[..equals], pair[(equals + 1)..]))
                    throw new UserErrorException($"Data '{text}': option '{pair[..equals]}' is given twice");
            }
            rest = text[..question];
        }
        var colon = rest.IndexOf(':');
        var kind = colon < 0 ? rest : rest[..colon];
        if (kind.Length == 0)
            throw new UserErrorException($"Data '{text}' names no kind of data; expected one of {DataSources.Usage}");
        return new(kind, colon < 0 ? "" : rest[(colon + 1)..], options);
    }

    /// <summary>As a user would write it.</summary>
    public override string ToString()
    {
        var options = string.Join('&', Options.Select(option => $"{option.Key}={option.Value}"));
        return Kind + (Path.Length > 0 ? ":" + Path : "") + (options.Length > 0 ? "?" + options : "");
    }
}
