using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>Turns what a user asked for into a job.</summary>
public static class JobBuilder
{
    private static readonly JobDefaults[] Defaults =
    [
        new("mlp", BatchSize: 64, Epochs: 10, "sgd", LearningRate: 0.05, Momentum: 0.9),
    ];

    /// <summary>The names of the models.</summary>
    public static IReadOnlyList<string> Models { get; } = [.. Defaults.Select(d => d.Model)];

    /// <summary>The names of the optimizers.</summary>
    public static IReadOnlyList<string> Optimizers { get; } = ["sgd"];

    /// <summary>The numbers that a model is trained with where nothing else is asked for.</summary>
    public static JobDefaults DefaultsOf(string model) => Defaults.First(d => d.Model == model);

    /// <summary>Opens the data and makes the job.</summary>
    /// <param name="options">What is asked for; its model and optimizer are known ones.</param>
    /// <param name="shards">Logical shards where the options say nothing.</param>
    /// <exception cref="UserErrorException">The data cannot be had, or parts do not fit together.</exception>
    public static TrainingJob Build(JobOptions options, int shards)
    {
        var defaults = DefaultsOf(options.Model);
        var data = DataSources.Open(options.Data);
        double dropout = options.Dropout ?? 0;
        return new TrainingJob
        {
            Name = $"{options.Model}-{DataSpec.Parse(options.Data).Kind}",
            Model = () => new Sequential(new Flatten(), new Linear(784, 512), new ReLU(), new Dropout((float)dropout), new Linear(512, 256), new ReLU(), new Dropout((float)dropout), new Linear(256, 10)),
            Data = data,
            Optimizer = new SGDRule(new SGDOptions(Momentum: options.Momentum ?? defaults.Momentum, WeightDecay: options.WeightDecay ?? 0)),
            LearningRate = options.LearningRate ?? defaults.LearningRate,
            BatchSize = options.BatchSize ?? defaults.BatchSize,
            Shards = options.Shards ?? shards,
            Epochs = options.Epochs ?? defaults.Epochs,
            MaxSteps = options.MaxSteps,
            DropLast = options.DropLast,
            Seed = options.Seed,
            ClipNorm = options.ClipNorm,
        };
    }
}
