using System.CommandLine;
using System.Text.Json;
using Akka.Actor;
using Akka.Cluster;
using DistTrain.Coordinator.Output;
using DistTrain.Protocol;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker.CommandLine;
using DistTrain.Worker.Node;

namespace DistTrain.Coordinator.Commands;

/// <summary><c>status</c> and <c>stop</c>: ask a coordinator how its job is, or to end it after the step in progress.</summary>
internal static class AskCommand
{
    private static readonly IReadOnlyList<Setting<AskOptions>> Settings =
    [
        new("coordinator", "<host:port>", "Job", "Where the coordinator is.", (options, given) => options with { Coordinator = given.NotEmpty("host:port") }),
        new("coordinator-timeout", "<seconds>", "Job", "How long to wait for its answer. Default: 10.", (options, given) => options with { Timeout = TimeSpan.FromSeconds(given.Number(0, 1e6)) }),
        new("output", "<format>", "Job", "text or json. Default: text.", (options, given) => options with { Json = given.OneOf(["text", "json"]) == "json" }),
        // In appsettings.json these are of the node that runs there, whose port is taken.
        .. NetworkSettings.For<AskOptions>(options => options.Network, (options, network) => options with { Network = network })
            .Select(row => row.Name is "host" or "public-host" or "port" ? row with { IsInAppSettings = false } : row),
    ];

    /// <summary>What is asked, of whom.</summary>
    private sealed record AskOptions
    {
        public string Coordinator { get; init; } = $"127.0.0.1:{Serving.ServeOptions.DefaultPort}";

        public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

        public bool Json { get; init; }

        public NodeNetwork Network { get; init; } = new();
    }

    /// <summary>Makes <c>status</c>.</summary>
    public static Command CreateStatus() => Create("status", "Shows how a coordinator's job is.", stop: false);

    /// <summary>Makes <c>stop</c>.</summary>
    public static Command CreateStop() => Create("stop", "Ends a coordinator's job after the step in progress, saved.", stop: true);

    private static Command Create(string name, string summary, bool stop)
    {
        var command = new Command(name, summary);
        var options = new SettingOptions<AskOptions>(command, Settings, summary);
        command.SetAction((parsed, _) => RunAsync(options.Bind(parsed, new AskOptions()), name, stop));
        return command;
    }

    private static async Task<int> RunAsync(AskOptions options, string name, bool stop)
    {
        using var identity = options.Network.Identity();
        var address = NodeSystem.AddressOf(options.Coordinator, identity is not null);
        var token = JobToken.Load(options.Network.TokenFile);
        var system = NodeSystem.Start("command", options.Network, identity, token?.Seal());
        try
        {
            var incarnation = new Incarnation(Cluster.Get(system).SelfUniqueAddress.Uid);
            string who = $"{name} of {Environment.UserName}@{Environment.MachineName}";
            var ask = new Nodes.Ask(Membership.ProtocolVersion, who, incarnation, token?.Prove(who, incarnation) ?? [], stop);
            switch (await system.ActorSelection(new RootActorPath(address) / "user" / "gate").Ask<IProtocolMessage>(ask, options.Timeout))
            {
                case Nodes.Status status:
                    Print(status, options.Json, stop);
                    return ExitCode.Done;
                case Membership.Refused refused:
                    await Console.Error.WriteLineAsync($"error: refused by the coordinator: {refused.Reason}");
                    return ExitCode.Failed;
                default:
                    await Console.Error.WriteLineAsync("error: the coordinator's answer is not understood");
                    return ExitCode.Failed;
            }
        }
        catch (AskTimeoutException)
        {
            await Console.Error.WriteLineAsync($"error: no coordinator answered at {options.Coordinator} within {options.Timeout.TotalSeconds:0.#} s");
            return ExitCode.Failed;
        }
        finally
        {
            await Task.WhenAny(system.Terminate(), Task.Delay(TimeSpan.FromSeconds(5)));
        }
    }

    private static void Print(Nodes.Status status, bool json, bool stop)
    {
        if (json)
        {
            using var stream = Console.OpenStandardOutput();
            using (var writer = new Utf8JsonWriter(stream)) Write(writer, status);
            stream.WriteByte((byte)'\n');
            return;
        }
        var job = JobJson.Parse(status.Options);
        Console.WriteLine($"{job.Model} on {job.Data}: step {TextLines.Count(status.Step)} of {TextLines.Count(status.TotalSteps)}, epoch {status.Epoch}, loss {TextLines.Loss(status.TrainLoss)}");
        foreach (var worker in status.Workers) Console.WriteLine($"  {worker.Name} (process {worker.ProcessId}): {(worker.Shards.IsEmpty ? "spare" : $"shards {string.Join(", ", worker.Shards)}")}{(worker.Channel.Length > 0 ? $", tensors over {worker.Channel}" : "")}");
        if (status.Checkpoint >= 0) Console.WriteLine($"newest checkpoint: step {TextLines.Count(status.Checkpoint)}");
        if (stop) Console.WriteLine("it ends after the step in progress");
    }

    private static void Write(Utf8JsonWriter writer, Nodes.Status status)
    {
        writer.WriteStartObject();
        writer.WritePropertyName("job");
        writer.WriteRawValue(status.Options);
        writer.WriteNumber("step", status.Step);
        writer.WriteNumber("total_steps", status.TotalSteps);
        writer.WriteNumber("epoch", status.Epoch);
        if (double.IsFinite(status.TrainLoss)) writer.WriteNumber("train_loss", status.TrainLoss);
        if (status.Checkpoint >= 0) writer.WriteNumber("checkpoint", status.Checkpoint);
        writer.WriteStartArray("workers");
        foreach (var worker in status.Workers)
        {
            writer.WriteStartObject();
            writer.WriteString("worker", worker.Name);
            writer.WriteNumber("pid", worker.ProcessId);
            writer.WriteStartArray("shards");
            foreach (int shard in worker.Shards) writer.WriteNumberValue(shard);
            writer.WriteEndArray();
            if (worker.Channel.Length > 0) writer.WriteString("channel", worker.Channel);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
