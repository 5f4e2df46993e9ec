using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>The settings of how a cluster runs a job; none of them shows in the bits.</summary>
internal static class ClusterSettings
{
    private const string Cluster = "Cluster";

    private static readonly IReadOnlyList<Setting<ClusterOptions>> Rows =
    [
        new("servers", "<k>", Cluster, "Parameter servers, each with a range of the weights. Default: 1.", (options, given) => options with { Servers = given.Int(1, 1024) }),
        new("bucket-bytes", "<n>", Cluster, "The largest slice of the gradient that travels and is stepped as one. Default: 4194304.", (options, given) => options with { BucketBytes = given.Int(1, int.MaxValue) }),
        new("speculate", "", Cluster, "Lets idle workers compute what others are slow with.", (options, given) => options with { Speculate = given.Switch() }),
        new("trace", "<file>", Cluster, "Writes a timeline that Perfetto opens, and says at the end how much of the exchange lay beside computing.", (options, given) => options with { TracePath = given.NotEmpty("a file") }),
    ];

    /// <summary>The settings as a part of a command's own options.</summary>
    public static IEnumerable<Setting<T>> For<T>(Func<T, ClusterOptions> get, Func<T, ClusterOptions, T> with) =>
        Rows.Select(row => row.Of(get, with));
}
