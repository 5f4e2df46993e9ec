using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Nn.Models;
using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>Turns what a user asked for into a job.</summary>
public static class JobBuilder
{
    /// <summary>Opens the data and makes the job.</summary>
    /// <param name="options">What is asked for.</param>
    /// <param name="shards">Logical shards where the options say nothing.</param>
    /// <exception cref="UserErrorException">A name is unknown, the data cannot be had, or parts do not fit together.</exception>
    public static TrainingJob Build(JobOptions options, int shards)
    {
        var defaults = JobDefaults.Of(options.Model);
        var optimizerName = options.Optimizer ?? defaults.Optimizer;
        bool isUsual = optimizerName == defaults.Optimizer;
        var optimizer = NamedOptimizers.Find(optimizerName, options.Momentum ?? (isUsual ? defaults.Momentum : null), options.WeightDecay);
        var data = DataSources.Open(options.Data);
        var model = Model(options, DataCard.Of(data));
        if (options.Betas is { } betas) optimizer = WithBetas(optimizer, betas.Beta1, betas.Beta2);
        var job = new TrainingJob
        {
            Name = $"{options.Model}-{data.Name}",
            Options = options,
            Model = model,
            Data = data,
            Optimizer = optimizer.CreateRule(),
            LearningRate = options.LearningRate ?? (isUsual ? defaults.LearningRate : optimizer.DefaultLearningRate),
            BatchSize = options.BatchSize ?? defaults.BatchSize,
            Shards = options.Shards ?? shards,
            Accumulate = options.Accumulate,
            Consistency = options.Consistency,
            OnNonFinite = options.OnNonFinite,
            Epochs = options.Epochs ?? defaults.Epochs,
            MaxSteps = options.MaxSteps,
            DropLast = options.DropLast,
            Seed = options.Seed,
            ClipNorm = options.ClipNorm,
            ClipValue = options.ClipValue,
            WeightDecayOnMatricesOnly = options.DecayMatricesOnly,
        };
        return job with { Schedule = NamedSchedules.Make(options.Schedule, job.Plan().TotalSteps, options.WarmupSteps, job.LearningRate, options.MinLearningRate) };
    }

    private static OptimizerOptions WithBetas(OptimizerOptions optimizer, double beta1, double beta2) => optimizer switch
    {
        AdamOptions adam => adam with { Beta1 = beta1, Beta2 = beta2 },
        AdamWOptions adamW => adamW with { Beta1 = beta1, Beta2 = beta2 },
        AdamaxOptions adamax => adamax with { Beta1 = beta1, Beta2 = beta2 },
        NAdamOptions nAdam => nAdam with { Beta1 = beta1, Beta2 = beta2 },
        RAdamOptions rAdam => rAdam with { Beta1 = beta1, Beta2 = beta2 },
        _ => throw new UserErrorException(FormattableString.Invariant($"betas were {beta1},{beta2}, but optimizer {optimizer.Name} has none; adam, adamw, adamax, nadam and radam do")),
    };

    /// <summary>What builds the model of a job, for data of the given shapes.</summary>
    /// <exception cref="UserErrorException">The model is unknown, or does not fit the data.</exception>
    public static Func<Module> Model(JobOptions options, DataCard data)
    {
        var named = NamedModels.Find(options.Model);
        if (data.InputType != (named.TakesTokens ? ElementType.Int64 : ElementType.Float32))
            throw new UserErrorException($"model {options.Model} takes {(named.TakesTokens ? "tokens, such as those of text:<file>" : "numbers, such as pixels")}; data '{options.Data}' has {data.Inputs} inputs");
        if (data.Classes == 0) throw new UserErrorException($"model {options.Model} tells classes apart, data '{options.Data}' has {data.Targets} targets without classes");
        var sizes = new ModelOptions(data.InputShape, data.Classes, (float)(options.Dropout ?? 0));
        return () => named.Build(sizes);
    }
}
