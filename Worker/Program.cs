using System.CommandLine;
using DistTrain.Worker.CommandLine;
using DistTrain.Worker.Node;

var root = new RootCommand("Computes for a coordinator.") { JoinCommand.Create() };
HelpPage.Replace(root, "A worker of DistTrain: computes gradients for a coordinator's job.", [.. root.Subcommands.Select(command => new HelpPage.Row("Commands", command.Name, command.Description ?? ""))], null);
return await CommandRunner.RunAsync(root, args);
