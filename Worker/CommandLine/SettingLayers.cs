using System.Text.Json;

namespace DistTrain.Worker.CommandLine;

/// <summary>
/// Where settings come from besides the command line. One given higher up hides the same one below: option, environment, job file, appsettings.json.
/// </summary>
public static class SettingLayers
{
    /// <summary>The file in the current folder that holds settings in its section <c>DistTrain</c>.</summary>
    public const string AppSettings = "appsettings.json";

    /// <summary>The variables of the environment that are settings; empty ones count as not given.</summary>
    public static Dictionary<string, GivenText> FromEnvironment<T>(IReadOnlyList<Setting<T>> settings, Func<string, string?> read)
    {
        var layer = new Dictionary<string, GivenText>();
        foreach (var setting in settings)
            if (read(setting.Variable) is { Length: > 0 } text)
                layer.Add(setting.Name, new GivenText(setting.Variable, text));
        return layer;
    }

    /// <summary>The settings in <see cref="AppSettings"/>, which all commands share: those of others are passed over; none where there is no such file or section.</summary>
    /// <exception cref="UserErrorException">The file is not JSON, or a key is no setting of any command.</exception>
    public static Dictionary<string, GivenText> FromAppSettings<T>(IReadOnlyList<Setting<T>> settings, string path)
    {
        var layer = new Dictionary<string, GivenText>();
        if (!File.Exists(path)) return layer;
        using var document = Read(path);
        if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("DistTrain", out var section)) return layer;
        if (section.ValueKind != JsonValueKind.Object) throw new UserErrorException($"{path}: DistTrain is not an object, expected {{ \"DistTrain\": {{ \"batch-size\": 64 }} }}");
        foreach (var property in section.EnumerateObject())
        {
            if (settings.FirstOrDefault(known => known.IsKey(property.Name)) is not { IsInAppSettings: true } setting)
            {
                if (SettingNames.Has(property.Name)) continue;
                throw new UserErrorException($"{path}: DistTrain has no setting '{property.Name}'{Suggestion.Hint(property.Name, SettingNames.All)}");
            }
            var text = property.Value.ValueKind switch
            {
                JsonValueKind.String => property.Value.GetString()!,
                JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => property.Value.GetRawText(),
                _ => throw new UserErrorException($"{path}: {property.Name} is {property.Value.ValueKind.ToString().ToLowerInvariant()}, expected a number, a text, true or false"),
            };
            layer[setting.Name] = new GivenText($"{path}: {property.Name}", text);
        }
        return layer;
    }

    /// <summary>Puts the layers' values into the record, the highest layer first in <paramref name="layers"/>.</summary>
    /// <exception cref="UserErrorException">A value is wrong.</exception>
    public static T Bind<T>(IReadOnlyList<Setting<T>> settings, T options, params IReadOnlyList<IReadOnlyDictionary<string, GivenText>> layers)
    {
        foreach (var setting in settings)
        {
            foreach (var layer in layers)
            {
                if (!layer.TryGetValue(setting.Name, out var given)) continue;
                options = setting.Set(options, given);
                break;
            }
        }
        return options;
    }

    private static JsonDocument Read(string path)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllText(path), new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path} cannot be read: {error.Message}", error);
        }
    }
}
