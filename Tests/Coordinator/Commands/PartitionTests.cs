namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Real processes on a network that is cut in two, loses packets or is slow: at most one side trains, and the bits stay.</summary>
public sealed class PartitionTests : EndlessJob
{
    private const string Quick = "--detection-time 1 --channel tcp --insecure";

    [SkippableFact]
    public async Task Only_one_side_of_a_cut_network_trains_and_after_healing_there_is_one_job()
    {
        string? missing = NamespaceNetwork.Missing();
        Skip.If(missing is not null, missing);
        using var network = new NamespaceNetwork(4);
        string both = $"{NamespaceNetwork.Address(0)}:4053,{NamespaceNetwork.Address(1)}:4053";
        string shared = $"--min-workers 2 {Quick} --stable-after 1 --checkpoint-dir saved {Endless}";
        var serve = Node(network, 0, "Coordinator", $"serve {shared}");
        await PortAsync(serve);
        var standby = Node(network, 1, "Coordinator", $"serve --standby {shared}");
        await standby.PrintedAsync("standing by");
        var (near, far) = (Node(network, 2, "Worker", $"join --coordinator {both} --name near {Quick}"), Node(network, 3, "Worker", $"join --coordinator {both} --name far {Quick}"));
        await MoreStepsAsync(serve);

        network.Part(1, 3);
        await serve.PrintedAsync("\"event\":\"worker_lost\",\"worker\":\"far\"");
        await MoreStepsAsync(serve);
        await serve.PrintedAsync("far is shut out");
        await far.PrintedAsync("joins again");
        await MoreStepsAsync(serve, 30);
        Assert.Equal(0, standby.Count("\"event\":\"step\""));

        network.Heal();
        await serve.PrintedAsync("worker_joined", 3);
        await MoreStepsAsync(serve);
        Assert.Equal(0, standby.Count("\"event\":\"step\""));
        await StopAsync(serve);
        Assert.Equal(0, (await near.EndAsync()).ExitCode);
        Assert.Equal(0, (await far.EndAsync()).ExitCode);
        Assert.Equal(0, standby.Count("\"event\":\"step\""));
    }

    [SkippableFact]
    public async Task Where_coordinators_share_no_folder_the_side_with_most_workers_trains_and_the_other_one_pauses()
    {
        string? missing = NamespaceNetwork.Missing();
        Skip.If(missing is not null, missing);
        using var network = new NamespaceNetwork(5);
        string both = $"{NamespaceNetwork.Address(0)}:4053,{NamespaceNetwork.Address(1)}:4053";
        var serve = Node(network, 0, "Coordinator", $"serve --min-workers 3 {Quick} --stable-after 1 --checkpoint-dir here --checkpoint-every 10 {Endless}");
        await PortAsync(serve);
        var standby = Node(network, 1, "Coordinator", $"serve --standby --join {NamespaceNetwork.Address(0)}:4053 {Quick} --stable-after 1 --checkpoint-dir there --output json --log-every 1 --run-dir there-run");
        await standby.PrintedAsync("standing by");
        var workers = new[] { "near", "far", "further" }.Select((name, i) => Node(network, i + 2, "Worker", $"join --coordinator {both} --name {name} {Quick}")).ToList();
        await serve.PrintedAsync("\"standby\"]");

        network.Part(1, 3, 4);
        await serve.PrintedAsync("pauses: it has");
        int done = serve.Count("\"event\":\"step\"");
        await TakesOverAsync(standby, "of 3 workers follow");
        await MoreStepsAsync(standby, 10);
        Assert.Equal(done, serve.Count("\"event\":\"step\""));

        network.Heal();
        var gone = await serve.EndAsync();
        Assert.Equal(1, gone.ExitCode);
        Assert.Contains("another coordinator has taken over", gone.Last("failed").GetProperty("error").GetString());
        Assert.Equal(done, gone.Events.Count(told => told.GetProperty("event").GetString() == "step"));
        await standby.PrintedAsync("worker_joined", 3);
        await StopAsync(standby);
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [SkippableFact]
    public async Task Packets_that_are_lost_change_no_bit()
    {
        string? missing = NamespaceNetwork.LossMissing();
        Skip.If(missing is not null, missing);
        using var network = new NamespaceNetwork(3);
        string quick = "--channel tcp --insecure";
        var serve = Node(network, 0, "Coordinator", $"serve --min-workers 2 {quick} {Endless}");
        await PortAsync(serve);
        var workers = new[] { 1, 2 }.Select(i => Node(network, i, "Worker", $"join --coordinator {NamespaceNetwork.Address(0)}:4053 {quick}")).ToList();
        await MoreStepsAsync(serve);
        for (int i = 0; i < 3; i++) network.Lose(i, 3);
        await MoreStepsAsync(serve, 20);
        await StopAsync(serve);
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task A_slow_network_changes_no_bit()
    {
        // Nodes are reached at addresses where relays listen; tensors take the same way.
        var (port, other) = (int.Parse(FreePort()), int.Parse(FreePort("127.0.0.3")));
        var delay = TimeSpan.FromMilliseconds(15);
        using var toCoordinator = new SlowRelay("127.0.0.2", port, delay);
        using var toWorker = new SlowRelay("127.0.0.3", other, delay);
        var serve = Keep(new CommandProcess(Folder, $"serve --port {port} --public-host 127.0.0.2 --channel akka {Endless}"));
        await PortAsync(serve);
        var worker = Keep(CommandProcess.Worker(Folder, $"join --coordinator 127.0.0.2:{port} --port {other} --public-host 127.0.0.3 --channel akka"));
        await MoreStepsAsync(serve, 10);
        Assert.True(toCoordinator.Passed + toWorker.Passed > 0);
        await StopAsync(serve);
        Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    private CommandProcess Node(NamespaceNetwork network, int machine, string program, string arguments) =>
        Keep(CommandProcess.Within(network.Name(machine), program, Folder, $"{arguments} --host {NamespaceNetwork.Address(machine)}"));
}
