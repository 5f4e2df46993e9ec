using System.CommandLine;
using DistTrain.Coordinator.Commands;
using DistTrain.Worker.CommandLine;

var root = new RootCommand("Trains models on a cluster: in this process, or on many machines.") { LocalCommand.Create(), ServeCommand.Create(), AskCommand.CreateStatus(), AskCommand.CreateStop(), EvaluateCommand.Create(), PredictCommand.Create(), FindRateCommand.Create(), SimulateCommand.Create(), CheckCommand.Create(), SchemaCommand.Create(), GenerateCommand.Create(), ExportCommand.Create() };
HelpPage.Replace(
    root,
    "DistTrain trains models on a cluster of workers around a parameter server: in this process, or on many machines, with the same bits.",
    [.. root.Subcommands.Select(command => new HelpPage.Row("Commands", command.Name, command.Description ?? ""))],
    null);
return await CommandRunner.RunAsync(root, args);
