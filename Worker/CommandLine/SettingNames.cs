namespace DistTrain.Worker.CommandLine;

/// <summary>The names of all settings, of whatever command and program: what appsettings.json may hold, which all of them share.</summary>
public static class SettingNames
{
    /// <summary>All of them, by the alphabet.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "accumulate", "batch-size", "betas", "bucket-bytes", "channel", "checkpoint", "checkpoint-dir", "checkpoint-every", "class-weights", "clip-norm", "clip-value",
        "codec", "consistency", "coordinator", "coordinator-timeout", "data", "data-root", "decay-matrices-only", "detection-time", "determinism", "drop-last",
        "dropout", "early-stop-metric", "early-stop-min-delta", "early-stop-patience", "epochs", "exact-recovery", "faults", "format", "from", "health-port", "host",
        "init-weights", "insecure", "job", "job-assembly", "join", "keep", "leave-within", "log-every", "log-format", "loss", "lr", "max-steps", "metrics", "min-lr", "min-workers", "model",
        "momentum", "name", "numerics", "on-nonfinite", "optimizer", "out", "outer-lr", "outer-momentum", "output", "part", "port", "prompt", "public-host", "resume",
        "run-dir", "schedule", "schedule-by-epoch", "seed", "seeds", "servers", "shards", "speculate", "stable-after", "standby", "steps", "temperature", "tensorboard",
        "threads-per-worker", "tls-ca", "tls-certificate", "tls-key", "to", "token-file", "tokens", "top-k", "trace", "warmup-steps", "weight-decay", "weights-codec",
        "workers",
    ];

    /// <summary>Whether a key of the file is one of them.</summary>
    public static bool Has(string key) => All.Any(name => Same(name, key));

    /// <summary>Whether a key of the file means a setting: case, dashes and underscores do not matter.</summary>
    public static bool Same(string name, string key) => string.Equals(name.Replace("-", ""), key.Replace("-", "").Replace("_", ""), StringComparison.OrdinalIgnoreCase);
}
