using System.CommandLine;

namespace DistTrain.Worker.CommandLine;

/// <summary>The options of a command that come from its settings. Values stay text until all layers are merged, so that every layer gets the same checks and messages.</summary>
public sealed class SettingOptions<T>
{
    private readonly IReadOnlyList<Setting<T>> settings;
    private readonly Dictionary<string, Option<string?>> options = [];

    /// <summary>Adds the settings' options to a command, with a help that lists them by group.</summary>
    public SettingOptions(Command command, IReadOnlyList<Setting<T>> settings, string summary)
    {
        this.settings = settings;
        foreach (var setting in settings)
        {
            var option = new Option<string?>(setting.Option)
            {
                Description = setting.Help,
                HelpName = setting.Value,
                Arity = setting.IsSwitch ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
            };
            options.Add(setting.Name, option);
            command.Options.Add(option);
        }
        HelpPage.Replace(command, summary, [.. settings.Select(s => new HelpPage.Row(s.Group, s.IsSwitch ? s.Option : $"{s.Option} {s.Value}", s.Help))], settings.Count > 0 ? settings[0].Variable : null);
    }

    /// <summary>Binds options, environment and appsettings.json, in this order of precedence, into the record.</summary>
    /// <exception cref="UserErrorException">A value is wrong.</exception>
    public T Bind(ParseResult parsed, T defaults)
    {
        var given = new Dictionary<string, GivenText>();
        foreach (var setting in settings)
        {
            if (parsed.GetResult(options[setting.Name]) is not { Implicit: false } result) continue;
            var text = result.Tokens.Count > 0 ? result.Tokens[0].Value : "true";
            given.Add(setting.Name, new GivenText(setting.Option, text));
        }
        return SettingLayers.Bind(
            settings,
            defaults,
            given,
            SettingLayers.FromEnvironment(settings, Environment.GetEnvironmentVariable),
            SettingLayers.FromAppSettings(settings, SettingLayers.AppSettings));
    }
}
