namespace DistTrain.Worker.CommandLine;

/// <summary>
/// One setting of a command, said once: it makes the option, the environment variable, the key in appsettings.json, the line of <c>--help</c> and the check of its value.
/// </summary>
/// <typeparam name="T">The record of options that it is a part of.</typeparam>
/// <param name="Name">Its name, such as <c>batch-size</c>.</param>
/// <param name="Value">How its value is written in the help, such as <c>&lt;n&gt;</c>; empty for a switch.</param>
/// <param name="Group">The heading that the help lists it under.</param>
/// <param name="Help">What it means, and its default.</param>
/// <param name="Set">Puts a value into the record; throws <see cref="UserErrorException"/> for a bad one.</param>
public sealed record Setting<T>(string Name, string Value, string Group, string Help, Func<T, GivenText, T> Set)
{
    /// <summary>The option: <c>--batch-size</c>.</summary>
    public string Option => "--" + Name;

    /// <summary>The environment variable: <c>DISTTRAIN_BATCH_SIZE</c>.</summary>
    public string Variable => "DISTTRAIN_" + Name.Replace('-', '_').ToUpperInvariant();

    /// <summary>How a job file writes it: <c>batch_size</c>.</summary>
    public string Key => Name.Replace('-', '_');

    /// <summary>Whether appsettings.json may give it. There a name means the same to all commands; one that means something else to this command comes from its options and the environment.</summary>
    public bool IsInAppSettings { get; init; } = true;

    /// <summary>Whether it may be given without a value.</summary>
    public bool IsSwitch => Value.Length == 0;

    /// <summary>The same setting of options that hold the record as a part.</summary>
    public Setting<TWhole> Of<TWhole>(Func<TWhole, T> get, Func<TWhole, T, TWhole> with) =>
        new(Name, Value, Group, Help, (whole, given) => with(whole, Set(get(whole), given))) { IsInAppSettings = IsInAppSettings };

    /// <summary>Whether a key in a file means this setting.</summary>
    public bool IsKey(string key) => SettingNames.Same(Name, key);
}
