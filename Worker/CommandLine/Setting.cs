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

    /// <summary>Whether it may be given without a value.</summary>
    public bool IsSwitch => Value.Length == 0;

    /// <summary>Whether a key in a file means this setting: case, dashes and underscores do not matter.</summary>
    public bool IsKey(string key) => string.Equals(Name.Replace("-", ""), key.Replace("-", "").Replace("_", ""), StringComparison.OrdinalIgnoreCase);
}
