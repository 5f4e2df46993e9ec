using DistTrain.Worker.CommandLine;

namespace DistTrain.Worker.Operation;

/// <summary>The settings of a node's health endpoints and log, for every command that is one.</summary>
public static class OperationSettings
{
    private const string Group = "Operation";

    private static readonly IReadOnlyList<Setting<OperationOptions>> Rows =
    [
        new("health-port", "<n>", Group, "Answers HTTP on this port of --host: /health/live and /health/ready. Default: no endpoint; 0 picks a free port.", (options, given) => options with { HealthPort = given.Int(0, 65535) }),
        new("log-format", "<format>", Group, "Logs on stderr with time, level and fields, text or json: workers that join, leave or crash, shards that move, checkpoints, each with the step. Default: plain lines of what matters most.", (options, given) => options with { LogFormat = given.OneOf(["text", "json"]) }),
    ];

    /// <summary>The settings as a part of a command's own options.</summary>
    public static IEnumerable<Setting<T>> For<T>(Func<T, OperationOptions> get, Func<T, OperationOptions, T> with) =>
        Rows.Select(row => row.Of(get, with));
}
