using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>The settings of what a run writes, for every command that runs a job.</summary>
internal static class OutputSettings
{
    private const string Group = "Output";

    private static readonly string[] Formats = ["text", "json"];

    private static readonly IReadOnlyList<Setting<OutputOptions>> Rows =
    [
        new("output", "<format>", Group, "text: progress for people; json: one event per line on stdout, nothing else there. Default: text.", (output, given) => output with { Format = given.OneOf(Formats) }),
        new("log-every", "<n>", Group, "Tells of every n-th step.", (output, given) => output with { LogEvery = given.Long(1, long.MaxValue) }),
        new("tensorboard", "", Group, "Writes TensorBoard's event files into the run's folder.", (output, given) => output with { TensorBoard = given.Switch() }),
        new("run-dir", "<folder>", Group, "Where weights, figures and pictures of the run are saved. Default: runs/<time>-<job>.", (output, given) => output with { RunDir = given.NotEmpty("a folder") }),
    ];

    /// <summary>The settings as a part of a command's own options.</summary>
    public static IEnumerable<Setting<T>> For<T>(Func<T, OutputOptions> get, Func<T, OutputOptions, T> with) =>
        Rows.Select(row => row.Of(get, with));
}
