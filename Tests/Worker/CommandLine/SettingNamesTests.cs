using System.CommandLine;
using System.Reflection;
using DistTrain.Coordinator.Commands;
using DistTrain.Tests.Coordinator.Commands;
using DistTrain.Tests.Data;
using DistTrain.Worker.CommandLine;
using DistTrain.Worker.Node;

namespace DistTrain.Tests.Worker.CommandLine;

/// <summary>One appsettings.json for all commands: each takes its own, and a name that none knows is said.</summary>
public sealed class SettingNamesTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_list_holds_every_option_of_every_command()
    {
        var commands = new[] { typeof(LocalCommand).Assembly, typeof(JoinCommand).Assembly }.SelectMany(assembly => assembly.GetTypes())
            .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public))
            .Where(method => method.ReturnType == typeof(Command) && method.GetParameters().Length == 0)
            .Select(method => (Command)method.Invoke(null, null)!).ToList();
        Assert.Contains(commands, command => command.Name == "join");
        Assert.Contains(commands, command => command.Name == "stop");
        var names = commands.SelectMany(command => command.Options).Select(option => option.Name.TrimStart('-')).Where(name => name != "help").Distinct().Order(StringComparer.Ordinal);
        Assert.Equal(names, SettingNames.All.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Every_command_passes_over_what_is_of_others()
    {
        folder.Write("appsettings.json", """
            { "DistTrain": { "model": "cnn", "data": "digits:60,0", "name": "of-all", "batchSize": 30, "min_workers": 2, "port": 1, "consistency": "local:4", "seed": 3, "workers": 2, "loss": "mse", "checkpoint-dir": "saved", "keep": 2 } }
            """);
        Assert.Contains("no coordinator answered", await Line("status --coordinator 127.0.0.1:9 --coordinator-timeout 0.2", 1));
        Assert.Contains("no coordinator at", await Line("join --coordinator 127.0.0.1:9 --port 0 --coordinator-timeout 0.2", 1, worker: true));
        foreach (string command in (string[])["evaluate", "predict", "export --out x.onnx", "generate"]) Assert.Contains("--checkpoint is missing", await Line(command, 2));
        var simulated = await CommandProcess.RunInAsync(folder.Folder, "simulate --seeds 1");
        Assert.True(simulated.ExitCode == 0, simulated.Errors);
    }

    [Fact]
    public async Task A_name_that_no_command_knows_is_said_by_all()
    {
        folder.Write("appsettings.json", """{ "DistTrain": { "checkpoint-evry": 5 } }""");
        Assert.Contains("DistTrain has no setting 'checkpoint-evry'; did you mean checkpoint-every?", await Line("status", 2));
        Assert.Contains("DistTrain has no setting 'checkpoint-evry'; did you mean checkpoint-every?", await Line("join", 2, worker: true));
    }

    private async Task<string> Line(string arguments, int exitCode, bool worker = false)
    {
        using var command = worker ? CommandProcess.Worker(folder.Folder, arguments) : new CommandProcess(folder.Folder, arguments);
        var result = await command.EndAsync();
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Empty(result.Output);
        return Assert.Single(result.ErrorLines);
    }
}
