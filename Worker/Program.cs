using System.CommandLine;
using DistTrain.Worker.CommandLine;

var root = new RootCommand("A worker of a cluster.");
HelpPage.Replace(root, "A worker computes gradients for a coordinator. Joining one over the network is not built yet: Coordinator's command local runs its workers in its own process.", [], null);
return await CommandRunner.RunAsync(root, args.Length == 0 ? ["--help"] : args);
