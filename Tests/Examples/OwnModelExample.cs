using DistTrain.Coordinator;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Training;

namespace DistTrain.Tests.Examples;

/// <summary>The README's example of training a model of one's own. <see cref="ReadmeTests"/> holds the README to what stands between the marks, and runs it.</summary>
internal static class OwnModelExample
{
    public static async Task RunAsync(TextWriter console)
    {
        // <example>
        var job = new TrainingJob
        {
            Model = () => new Sequential(new Flatten(), new Linear(784, 128), new ReLU(), new Linear(128, 10)),
            Data = DigitsSource.Create(train: 1000, test: 200),
            Loss = new CrossEntropyLoss(),
            Optimizer = new SGDRule(new SGDOptions(Momentum: 0.9)),
            LearningRate = 0.05,
            BatchSize = 64,
            Shards = 2,
            Epochs = 5,
        };

        // Alone, in this thread.
        using var trainer = new Trainer(job);
        trainer.Run(epoch => console.WriteLine($"epoch {epoch.Epoch + 1}: loss {epoch.TrainLoss:F4}, accuracy {epoch.Test!.Accuracy:P1}"));

        // On a cluster in this process: the same bits.
        await using var cluster = new LocalCluster(ClusterJob.From(job), new ClusterOptions { Workers = 2 });
        var result = await cluster.RunAsync();
        console.WriteLine(result.WeightsSha256 == trainer.WeightsSha256); // True
        // </example>
    }
}
