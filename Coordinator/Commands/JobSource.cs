using DistTrain.Training;
using DistTrain.Training.Code;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>Where <c>--job</c> has a job from: a file of settings, or an assembly.</summary>
internal static class JobSource
{
    private const string Ending = ".dll";

    /// <summary>Whether the text names an assembly: <c>MyJobs.dll</c> or <c>MyJobs.dll:MyJobs.SpamFilter</c>.</summary>
    public static bool IsCode(string text) => text.EndsWith(Ending, StringComparison.OrdinalIgnoreCase) || text.Contains(Ending + ":", StringComparison.OrdinalIgnoreCase);

    /// <summary>Binds a command's settings; of a job in C# its own numbers are the defaults.</summary>
    /// <param name="bind">Binds over defaults.</param>
    /// <param name="defaults">The defaults.</param>
    /// <param name="source">What <c>--job</c> was.</param>
    /// <param name="with">Puts the job in.</param>
    /// <exception cref="UserErrorException">A setting is wrong, or the assembly has no such job.</exception>
    public static (T Options, JobCode? Code) Bind<T>(Func<T, T> bind, T defaults, Func<T, string?> source, Func<T, JobOptions, T> with)
    {
        var options = bind(defaults);
        if (source(options) is not { } text || (IsCode(text) ? text : JobFile.CodeIn(text)) is not { } named) return (options, null);
        var code = Load(named);
        return (bind(with(defaults, CodeOptions.Of(code))), code);
    }

    /// <summary>Reads the job that <c>--job</c> names, for commands that use what it trained.</summary>
    /// <param name="text">What <c>--job</c> was.</param>
    /// <exception cref="UserErrorException">The file or assembly has no such job, or it is wrong.</exception>
    public static (JobOptions Job, JobCode? Code) Open(string text)
    {
        var given = new GivenText("--job", text);
        var ((_, job), code) = Bind(
            defaults => SettingLayers.Bind(Settings, defaults, new Dictionary<string, GivenText> { [SettingOptions<Named>.JobSetting] = given }, JobFile.Read(given, Settings, defaults)),
            new Named(null, new JobOptions()), named => named.Source, (named, options) => named with { Job = options });
        return (job, code);
    }

    private static readonly IReadOnlyList<Setting<Named>> Settings =
        [JobFile.Setting<Named>((named, source) => named with { Source = source }), .. JobSettings.For<Named>(named => named.Job, (named, job) => named with { Job = job })];

    private sealed record Named(string? Source, JobOptions Job);

    private static JobCode Load(string text)
    {
        int colon = text.EndsWith(Ending, StringComparison.OrdinalIgnoreCase) ? -1 : text.LastIndexOf(Ending + ":", StringComparison.OrdinalIgnoreCase) + Ending.Length;
        return JobAssembly.Load(colon < 0 ? text : text[..colon]).Find(colon < 0 ? null : text[(colon + 1)..]);
    }
}
