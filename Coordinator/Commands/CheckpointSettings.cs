using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>What a run saves on its way, and what it starts from.</summary>
internal sealed record CheckpointOptions
{
    /// <summary>The folder of checkpoints; null for none.</summary>
    public string? Folder { get; init; }

    /// <summary>Steps from one to the next.</summary>
    public long? Every { get; init; }

    /// <summary>How many stay.</summary>
    public int Keep { get; init; } = 3;

    /// <summary>Whether the run goes on from the newest checkpoint.</summary>
    public bool Resume { get; init; }

    /// <summary>A file of weights to start from; null for the model's own.</summary>
    public string? InitialWeights { get; init; }
}

/// <summary>The settings of checkpoints, for every command that runs a job.</summary>
internal static class CheckpointSettings
{
    private const string Group = "Checkpoints";

    private static readonly IReadOnlyList<Setting<CheckpointOptions>> Rows =
    [
        new("checkpoint-dir", "<folder>", Group, "Saves the run there on its way: weights, optimizer state and all that it needs to go on to the same bits.", (options, given) => options with { Folder = given.NotEmpty("a folder") }),
        new("checkpoint-every", "<steps>", Group, "Steps from one checkpoint to the next; the end of the run is saved too. Default: 100.", (options, given) => options with { Every = given.Long(1, long.MaxValue) }),
        new("keep", "<n>", Group, "How many checkpoints stay, the newest. Default: 3.", (options, given) => options with { Keep = given.Int(1, 1_000_000) }),
        new("resume", "", Group, "Goes on from the newest whole checkpoint in --checkpoint-dir. Only epochs, max-steps, workers and where results go may change.", (options, given) => options with { Resume = given.Switch() }),
        new("init-weights", "<file>", Group, "Starts afresh from the weights in a safetensors file, such as an earlier run's weights.safetensors.", (options, given) => options with { InitialWeights = given.NotEmpty("a file") }),
    ];

    /// <summary>The settings as a part of a command's own options.</summary>
    public static IEnumerable<Setting<T>> For<T>(Func<T, CheckpointOptions> get, Func<T, CheckpointOptions, T> with) =>
        Rows.Select(row => row.Of(get, with));
}
