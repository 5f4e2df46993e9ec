using System.CommandLine;
using DistTrain.Protocol;
using DistTrain.Worker.CommandLine;
using DistTrain.Worker.Operation;

namespace DistTrain.Worker.Node;

/// <summary><c>join</c>: takes part in a coordinator's job.</summary>
internal static class JoinCommand
{
    private const string Summary = "Takes part in the job of a coordinator: gets it from there, computes until it is over, joins again when it was lost.";

    internal static readonly IReadOnlyList<Setting<JoinOptions>> Settings =
    [
        new("coordinator", "<host:port>", "Job", "Where the coordinator is; several, separated by commas, where there is a standby.", (options, given) => options with { Coordinator = given.NotEmpty("host:port") }),
        new("coordinator-timeout", "<seconds>", "Job", "How long to look for it, at the start and when it was lost. Default: 300.", (options, given) => options with { CoordinatorTimeout = TimeSpan.FromSeconds(given.Number(0, 1e6)) }),
        new("name", "<name>", "Job", "The node's name, for people; to be kept when the process is started again. Default: the machine's name and the process id.", (options, given) => options with { Name = NameOf(given) }) { IsInAppSettings = false },
        new("job-assembly", "<file>", "Job", "The assembly with the job's C#, such as MyJobs.dll, for a job that serve was given as MyJobs.dll:MyJobs.SpamFilter. Code is never sent.", (options, given) => options with { JobAssembly = given.NotEmpty("a file") }),
        new("threads-per-worker", "<n>", "Job", "Threads that share the worker's matrix products and convolutions; the result is the same with any number. Default: 1.", (options, given) => options with { ThreadsPerWorker = given.Int(1, 1024) }),
        new("data-root", "<folder>", "Job", "The folder that relative paths of the job's data are taken from on this machine. Default: the current one.", (options, given) => options with { DataRoot = given.NotEmpty("a folder") }),
        new("leave-within", "<seconds>", "Job", "How long to stay after a signal, at most, until others have the states of its shards (--codec topk or powersgd, --consistency local:<H>), which would be lost else. Default: 300.", (options, given) => options with { LeaveWithin = TimeSpan.FromSeconds(given.Number(0, 1e6)) }),
        .. NetworkSettings.For<JoinOptions>(options => options.Network, (options, network) => options with { Network = network }),
        .. OperationSettings.For<JoinOptions>(options => options.Operation, (options, operation) => options with { Operation = operation }),
    ];

    private static string NameOf(GivenText given)
    {
        string name = given.NotEmpty("a name");
        return PlainText.IsName(name) ? name : throw given.Wrong($"a name of 1 to {PlainText.LongestName} printable characters");
    }

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("join", "Takes part in a coordinator's job.");
        var options = new SettingOptions<JoinOptions>(command, Settings, Summary);
        command.SetAction((parsed, _) => WorkerNode.RunAsync(options.Bind(parsed, new JoinOptions())));
        return command;
    }
}
