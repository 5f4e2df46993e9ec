using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Nn.Models;
using DistTrain.Optim;
using DistTrain.Training.Code;
using DistTrain.Training.Files;

namespace DistTrain.Training;

/// <summary>Turns what a user asked for into a job.</summary>
public static class JobBuilder
{
    /// <summary>Opens the data and makes the job.</summary>
    /// <param name="options">What is asked for.</param>
    /// <param name="shards">Logical shards where the options say nothing.</param>
    /// <param name="code">The C# that makes the job, where it is one of C#.</param>
    /// <param name="dataRoot">The folder that relative paths of the data are taken from; null for the current one.</param>
    /// <exception cref="UserErrorException">A name is unknown, the data cannot be had, or parts do not fit together.</exception>
    public static TrainingJob Build(JobOptions options, int shards, JobCode? code = null, string? dataRoot = null)
    {
        if (options.Code is not null) return FromCode(options, options.Code, code);
        var defaults = JobDefaults.Of(options.Model);
        var optimizerName = options.Optimizer ?? defaults.Optimizer;
        bool isUsual = optimizerName == defaults.Optimizer;
        var optimizer = NamedOptimizers.Find(optimizerName, options.Momentum ?? (isUsual && options.OptimizerOptions is null ? defaults.Momentum : null), options.WeightDecay, options.OptimizerOptions);
        var data = DataSources.Open(options.Data, dataRoot);
        var card = DataCard.Of(data);
        var lossOptions = NamedLosses.For(options.Loss, card);
        var model = Model(options, card);
        if (options.Betas is { } betas) optimizer = WithBetas(optimizer, betas.Beta1, betas.Beta2);
        var job = new TrainingJob
        {
            Name = options.Name ?? $"{options.Model}-{data.Name}",
            Options = options,
            Model = model,
            Data = data,
            Loss = (options.ClassWeights is { } weights ? ClassWeights.Apply(weights, lossOptions, card, data.Train) : lossOptions).Create(),
            Metrics = options.Metrics,
            EarlyStop = EarlyStopping.Of(options),
            Optimizer = optimizer.CreateRule(),
            LearningRate = options.LearningRate ?? (isUsual ? defaults.LearningRate : optimizer.DefaultLearningRate),
            BatchSize = options.BatchSize ?? defaults.BatchSize,
            Shards = options.Shards ?? shards,
            Accumulate = options.Accumulate,
            Consistency = options.Consistency,
            Outer = Outer(options, own: null),
            OnNonFinite = options.OnNonFinite,
            Epochs = options.Epochs ?? defaults.Epochs,
            MaxSteps = options.MaxSteps,
            DropLast = options.DropLast,
            Seed = options.Seed,
            ClipNorm = options.ClipNorm,
            ClipValue = options.ClipValue,
            WeightDecayOnMatricesOnly = options.DecayMatricesOnly,
        };
        RefuseWarmupByEpoch(options.WarmupSteps, options.ScheduleByEpoch);
        var schedule = NamedSchedules.Make(options.Schedule, ScheduleLength(job, options.ScheduleByEpoch), options.WarmupSteps, job.LearningRate, options.MinLearningRate, options.ScheduleOptions);
        CheckTargets(job);
        MetricPlan.Of(job);
        EpochWatch.Of(job);
        return job with { Schedule = schedule, ScheduleByEpoch = options.ScheduleByEpoch, Plateau = NamedSchedules.Plateau(options.Schedule, job.LearningRate, options.MinLearningRate) };
    }

    private static TrainingJob FromCode(JobOptions options, JobCodeReference wanted, JobCode? code)
    {
        if (code is null) throw new UserErrorException($"the job is one of C#, {wanted.Type} of {wanted.Assembly}.dll, and that is not here: give --job {wanted.Assembly}.dll:{wanted.Type}, or to a worker --job-assembly {wanted.Assembly}.dll");
        var (found, expected) = (code.Reference.Fingerprint, wanted.Fingerprint);
        if (found != expected) throw new UserErrorException($"{code.Reference.Type} of {code.Reference.Assembly}.dll has fingerprint {found[..12]}, the job's has {expected[..Math.Min(12, expected.Length)]}: expected the same build on both sides");
        return CodeOptions.Apply(code, options);
    }

    /// <summary>The outer optimizer that is asked for; what is not said is the job's own, or the default.</summary>
    internal static OuterOptions? Outer(JobOptions options, OuterOptions? own) => options.OuterLearningRate is null && options.OuterMomentum is null
        ? own : new OuterOptions(options.OuterLearningRate ?? own?.LearningRate ?? OuterOptions.DefaultLearningRate, options.OuterMomentum ?? own?.Momentum ?? OuterOptions.DefaultMomentum);

    /// <summary>What a named schedule fills: the job's steps, or its epochs.</summary>
    internal static long ScheduleLength(TrainingJob job, bool byEpoch) => job.Plan() is var plan && byEpoch ? plan.TotalEpochs : plan.TotalSteps;

    internal static void RefuseWarmupByEpoch(long warmupSteps, bool byEpoch)
    {
        if (byEpoch && warmupSteps > 0) throw new UserErrorException($"warm-up steps was {warmupSteps}, which does not go with a schedule that counts epochs: use {{ \"type\": \"Warmup\" }}");
    }

    /// <summary>Yes and no are 1 and 0: looks at the first targets, so that numbers of another kind are found before they are trained on.</summary>
    private static void CheckTargets(TrainingJob job)
    {
        if (job.Loss.Task != LearningTask.Labels) return;
        const int Looks = 1000;
        var train = job.Data.Train;
        SampleBuffer inputs = new(train.Inputs, 1), targets = new(train.Targets, 1);
        for (int i = 0; i < Math.Min(Looks, train.Count); i++)
        {
            train.Read(ReadContext.Evaluation, [i], inputs.Span(1), targets.Span(1));
            foreach (float target in targets.Float32(1).Span)
                if (!(target is >= 0 and <= 1)) throw new UserErrorException(FormattableString.Invariant($"loss bce takes targets from 0 (no) to 1 (yes); sample {i} of {train.Name} has {target}"));
        }
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
    /// <exception cref="UserErrorException">The model is unknown, is one of C#, or does not fit the data.</exception>
    public static Func<Module> Model(JobOptions options, DataCard data)
    {
        if (options.Code is { } code) throw new UserErrorException($"the model is one of C#, {code.Type} of {code.Assembly}.dll, which names and numbers cannot make: give --job {code.Assembly}.dll:{code.Type}");
        if (options.Layers is { } layers) return OwnModel.Of(layers, data, NamedLosses.For(options.Loss, data).Create(), options.Dropout);
        var named = NamedModels.Find(options.Model);
        if (data.InputType != (named.TakesTokens ? ElementType.Int64 : ElementType.Float32))
            throw new UserErrorException($"model {options.Model} takes {(named.TakesTokens ? "tokens, such as those of text:<file>" : "numbers, such as pixels")}; data '{options.Data}' has {data.Inputs} inputs");
        var sizes = new ModelOptions(data.InputShape, NamedLosses.Outputs(NamedLosses.For(options.Loss, data), data), (float)(options.Dropout ?? 0));
        return () => named.Build(sizes);
    }
}
