using DistTrain.Coordinator;
using DistTrain.Examples.SpamFilter;
using DistTrain.Training;

var job = new SpamFilterJob().Create();

// Alone, in this thread.
using var trainer = new Trainer(job);
trainer.Run(epoch => Console.WriteLine($"epoch {epoch.Epoch + 1}: loss {epoch.TrainLoss:F4}, accuracy {epoch.Test!.Accuracy:P1}"));

// On a cluster in this process: the same bits.
await using var cluster = new LocalCluster(ClusterJob.From(job), new ClusterOptions { Workers = 2 });
var result = await cluster.RunAsync();
Console.WriteLine($"weights {trainer.WeightsSha256[..12]}, on a cluster of two workers {result.WeightsSha256[..12]}");
