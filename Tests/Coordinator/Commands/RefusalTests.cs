using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Simd;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Workers that cannot take part are told why, and so is whoever watches the coordinator.</summary>
public sealed class RefusalTests : EndlessJob
{
    [Fact]
    public async Task A_worker_of_another_protocol_version_is_refused_by_the_coordinator()
    {
        var (serve, port) = await Serve(Endless);
        using var stranger = new Stranger();
        var answer = await stranger.AskAsync<Membership.Refused>(port, new Nodes.Hello(Membership.ProtocolVersion + 1, "younger", new Incarnation(1), 17, "avx512", []));
        Assert.Equal($"its protocol version is {Membership.ProtocolVersion + 1}, the coordinator's is {Membership.ProtocolVersion}", answer.Reason);
        Assert.Contains(answer.Reason, await serve.LineAsync("younger (process 17) is refused"));
    }

    [Theory]
    [InlineData("version")]
    [InlineData("layout")]
    public async Task A_worker_that_does_not_fit_says_so_on_both_sides(string what)
    {
        using var coordinator = new Stranger();
        var job = new JobOptions { Data = "digits:203,40", Shards = 1, Numerics = Numerics.Name(Numerics.Best) };
        var data = JobBuilder.Build(job, 1).Data;
        var told = coordinator.OpenGate(what == "version"
            ? new Membership.Refused("its protocol version is 1, the coordinator's is 2")
            : new Nodes.Offer(new JobId(Guid.NewGuid()), new Term(1), JobJson.Of(job), new string('f', 64), data.Fingerprint, data.Summary, 1, 1 << 20, false, ActorRefs.Nobody));
        var worker = await Join(coordinator.Port, "--name misfit").EndAsync();
        Assert.Equal(1, worker.ExitCode);
        if (what == "version")
        {
            Assert.Contains("its protocol version is 1, the coordinator's is 2", Assert.Single(worker.ErrorLines));
            return;
        }
        var unfit = await told.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("misfit", unfit.Name);
        Assert.Matches("^its model has layout [0-9a-f]{12}, the job's has ffffffffffff$", unfit.Reason);
        Assert.Contains(unfit.Reason, Assert.Single(worker.ErrorLines));
    }

    [Fact]
    public async Task Data_is_found_below_each_machines_own_root_and_must_be_the_same()
    {
        var lines = Enumerable.Range(0, 40).Select(i => $"{i * 7 % 11},{i * 5 % 13},{(i % 3 == 0 ? "yes" : "no")}\n").ToList();
        string rows = string.Concat(lines);
        Write("here/sets/table.csv", "a,b,label\n" + rows);
        Write("there/sets/table.csv", "a,b,label\n" + rows);
        Write("changed/sets/table.csv", "a,b,label\n" + rows.Replace("yes", "maybe"));
        Write("short/sets/table.csv", "a,b,label\n" + string.Concat(lines[..30]));
        var (serve, port) = await Serve("--data-root here --model mlp --data csv:sets/table.csv --batch-size 8 --epochs 3 --output json --run-dir out");
        await Task.WhenAll(RefusedAsync("changed", "content"), RefusedAsync("short", "training and"), RefusedAsync(".", "sets/table.csv"));
        var worker = Join(port, "--data-root there");
        Assert.Equal(0, (await serve.EndAsync()).ExitCode);
        Assert.Equal(0, (await worker.EndAsync()).ExitCode);

        async Task RefusedAsync(string root, string reason)
        {
            var refused = await Join(port, $"--data-root {root} --name of-{root}").EndAsync();
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains(reason, Assert.Single(refused.ErrorLines));
            Assert.Contains(reason, await serve.LineAsync($"of-{root} cannot take part"));
        }
    }

    [SkippableFact]
    public async Task A_machine_that_cannot_compute_at_the_jobs_level_is_refused_and_automatic_is_the_lowest_of_the_starting_workers()
    {
        Skip.IfNot(Numerics.Best == SimdLevel.Avx512, $"this machine's best level is {Numerics.Name(Numerics.Best)}: no worker here could do less than the coordinator asks for");
        (string, string) noAvx512 = ("DOTNET_EnableAVX512", "0");
        var (wide, port) = await Serve($"--numerics avx512 {Endless}");
        var refused = await Join(port, "--name old", noAvx512).EndAsync();
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("computes with avx2 at most, the job with avx512", Assert.Single(refused.ErrorLines));
        Assert.Contains("computes with avx2 at most, the job with avx512", await wide.LineAsync("old (process"));
        wide.Kill();

        var (auto, other) = await Serve($"--min-workers 2 {Endless}");
        var workers = new[] { Join(other), Join(other, "", noAvx512) };
        await MoreStepsAsync(auto);
        var result = await StopAsync(auto, "--numerics avx2");
        Assert.Equal("avx2", result.Events[0].GetProperty("numerics").GetString());
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task Settings_come_from_options_then_the_environment_then_the_file()
    {
        string unused = FreePort();
        Write("appsettings.json", """{ "DistTrain": { "coordinator": "127.0.0.1:1", "coordinatorTimeout": 0.5, "name": "of-file", "port": 0 } }""");
        (string, string)[] variables = [("DISTTRAIN_NAME", "of-environment"), ("DISTTRAIN_COORDINATOR", $"127.0.0.1:{unused}"), ("DISTTRAIN_COORDINATOR_TIMEOUT", "1")];
        CommandProcess[] workers = [Keep(CommandProcess.Worker(Folder, "join")), Keep(CommandProcess.Worker(Folder, "join", variables)), Keep(CommandProcess.Worker(Folder, "join --coordinator-timeout 1.5", variables))];
        string[] expected = ["127.0.0.1:1 within 0.5 s", $"127.0.0.1:{unused} within 1 s", $"127.0.0.1:{unused} within 1.5 s"];
        for (int i = 0; i < workers.Length; i++) Assert.Contains($"no coordinator at {expected[i]}", Assert.Single((await workers[i].EndAsync()).ErrorLines));
        Write("appsettings.json", """{ "DistTrain": { "minWorkers": "three" } }""");
        var serve = await CommandProcess.RunInAsync(Folder, "serve");
        Assert.Equal(2, serve.ExitCode);
        Assert.Contains("minWorkers was 'three'", Assert.Single(serve.ErrorLines));
    }

    /// <summary>A node made by hand.</summary>
    private sealed class Stranger : IDisposable
    {
        private readonly ExtendedActorSystem system = NodeSystem.Start(NodeSystem.CoordinatorRole, new NodeNetwork(), null);

        public string Port => $"{system.Provider.DefaultAddress.Port}";

        public Task<T> AskAsync<T>(string port, IProtocolMessage message) =>
            system.ActorSelection(new RootActorPath(NodeSystem.AddressOf($"127.0.0.1:{port}", tls: false)) / "user" / "gate").Ask<T>(message, TimeSpan.FromSeconds(30));

        /// <summary>Answers every node that asks, and hears which one says that it is unfit.</summary>
        public Task<Nodes.Unfit> OpenGate(IProtocolMessage answer)
        {
            var unfit = new TaskCompletionSource<Nodes.Unfit>(TaskCreationOptions.RunContinuationsAsynchronously);
            var gate = system.ActorOf(Props.Create(() => new FakeGate(answer, unfit)), "gate");
            return unfit.Task;
        }

        public void Dispose() => system.Terminate().Wait(TimeSpan.FromSeconds(10));
    }

    private sealed class FakeGate(IProtocolMessage answer, TaskCompletionSource<Nodes.Unfit> unfit) : UntypedActor
    {
        protected override void OnReceive(object message)
        {
            switch (message)
            {
                case Nodes.Hello: Sender.Tell(answer is Nodes.Offer offer ? offer with { Coordinator = Self } : answer, Self); break;
                case Nodes.Unfit told:
                    unfit.TrySetResult(told);
                    Sender.Tell(new Membership.Refused(told.Reason), Self);
                    break;
                default: Unhandled(message); break;
            }
        }
    }
}
