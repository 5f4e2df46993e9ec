using System.CommandLine;

namespace DistTrain.Worker.CommandLine;

/// <summary>The options of a command that come from its settings. Values stay text until all layers are merged, so that every layer gets the same checks and messages.</summary>
public sealed class SettingOptions<T>
{
    /// <summary>The setting that names a job file.</summary>
    public const string JobSetting = "job";

    private readonly IReadOnlyList<Setting<T>> settings;
    private readonly Dictionary<string, Option<string?>> options = [];
    private readonly Func<GivenText, IReadOnlyDictionary<string, GivenText>>? readJob;

    /// <summary>Adds the settings' options to a command, with a help that lists them by group.</summary>
    /// <param name="command">The command.</param>
    /// <param name="settings">Its settings.</param>
    /// <param name="summary">What it does, in a few lines.</param>
    /// <param name="readJob">Reads the settings in the file that the setting <see cref="JobSetting"/> names; null for a command without one.</param>
    public SettingOptions(Command command, IReadOnlyList<Setting<T>> settings, string summary, Func<GivenText, IReadOnlyDictionary<string, GivenText>>? readJob = null)
    {
        (this.settings, this.readJob) = (settings, readJob);
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

    /// <summary>Binds options, environment, job file and appsettings.json, in this order of precedence, into the record.</summary>
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
        IReadOnlyDictionary<string, GivenText> environment = SettingLayers.FromEnvironment(settings, Environment.GetEnvironmentVariable), file = SettingLayers.FromAppSettings(settings, SettingLayers.AppSettings);
        IReadOnlyDictionary<string, GivenText>[] layers = [given, environment, file];
        if (readJob is not null && layers.FirstOrDefault(layer => layer.ContainsKey(JobSetting)) is { } named) layers = [given, environment, readJob(named[JobSetting]), file];
        return SettingLayers.Bind(settings, defaults, layers);
    }
}
