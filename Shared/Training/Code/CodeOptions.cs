namespace DistTrain.Training.Code;

/// <summary>What options mean for a job in C#: its numbers are their defaults, and they may change them; what the code has decided stays.</summary>
public static class CodeOptions
{
    /// <summary>A job in C# as options: what is not asked for otherwise.</summary>
    public static JobOptions Of(JobCode code) => Of(code.Job, code.Reference);

    /// <summary>The job with the numbers of options.</summary>
    /// <exception cref="UserErrorException">Something was asked for that the code decides.</exception>
    public static TrainingJob Apply(JobCode code, JobOptions options)
    {
        var (job, own) = (code.Job, Of(code));
        foreach (var (name, differs) in Fixed(own, options))
            if (differs) throw new UserErrorException($"--{name} does not go with a job in C#: {code.Reference.Type} decides it");
        job = job with
        {
            Options = options,
            Name = options.Name ?? job.Name,
            LearningRate = options.LearningRate ?? job.LearningRate,
            WeightDecayOnMatricesOnly = options.DecayMatricesOnly,
            BatchSize = options.BatchSize ?? job.BatchSize,
            Shards = options.Shards ?? job.Shards,
            Accumulate = options.Accumulate,
            Consistency = options.Consistency,
            Outer = LosesOuter(own, options) ? null : JobBuilder.Outer(options, job.Outer),
            OnNonFinite = options.OnNonFinite,
            Epochs = options.Epochs ?? job.Epochs,
            MaxSteps = options.MaxSteps,
            DropLast = options.DropLast,
            Seed = options.Seed,
            ClipNorm = options.ClipNorm,
            ClipValue = options.ClipValue,
            Metrics = options.Metrics,
            // A job may watch in ways that options have no words for.
            EarlyStop = EarlyStopOf(options) == EarlyStopOf(own) ? job.EarlyStop : EarlyStopping.Of(options),
        };
        EpochWatch.Of(job);
        bool isOwn = options.Schedule == own.Schedule && options.ScheduleOptions is null;
        bool byEpoch = isOwn ? job is { ScheduleByEpoch: true, Schedule: not null } : options.ScheduleByEpoch;
        JobBuilder.RefuseWarmupByEpoch(options.WarmupSteps, byEpoch);
        if (!isOwn)
        {
            var asked = NamedSchedules.Make(options.Schedule, JobBuilder.ScheduleLength(job, byEpoch), options.WarmupSteps, job.LearningRate, options.MinLearningRate, options.ScheduleOptions);
            return job with { Schedule = asked, ScheduleByEpoch = byEpoch, Plateau = NamedSchedules.Plateau(options.Schedule, job.LearningRate, options.MinLearningRate) };
        }
        if (options.MinLearningRate != own.MinLearningRate) throw Alone("min-lr");
        if (options.ScheduleByEpoch != own.ScheduleByEpoch) throw Alone("schedule-by-epoch");
        if (options.WarmupSteps == own.WarmupSteps) return job;
        return job with { Schedule = NamedSchedules.Make(own.Schedule, JobBuilder.ScheduleLength(job, byEpoch), options.WarmupSteps, job.LearningRate, 0, job.Schedule), ScheduleByEpoch = byEpoch };

        UserErrorException Alone(string name) => new($"--{name} goes with a schedule that is asked for: give --schedule too, or none of them, and the schedule is {code.Reference.Type}'s own");
    }

    /// <summary>Whether the code's outer optimizer goes with the local steps that it was for: another consistency is asked for, and no outer optimizer.</summary>
    private static bool LosesOuter(JobOptions own, JobOptions asked) => own.Consistency is Consistency.Local && asked.Consistency is not Consistency.Local && Outer(asked) == Outer(own);

    private static (double?, double?) Outer(JobOptions options) => (options.OuterLearningRate, options.OuterMomentum);

    private static (int?, string, double) EarlyStopOf(JobOptions options) => (options.EarlyStopPatience, options.EarlyStopMetric, options.EarlyStopMinDelta);

    private static JobOptions Of(TrainingJob job, JobCodeReference code) => new()
    {
        Code = code,
        Name = job.Name,
        Model = code.Type,
        Data = job.Data.Name,
        LearningRate = job.LearningRate,
        DecayMatricesOnly = job.WeightDecayOnMatricesOnly,
        BatchSize = job.BatchSize,
        Shards = job.Shards,
        Accumulate = job.Accumulate,
        Consistency = job.Consistency,
        OuterLearningRate = job.Outer?.LearningRate,
        OuterMomentum = job.Outer?.Momentum,
        OnNonFinite = job.OnNonFinite,
        Epochs = job.Epochs,
        MaxSteps = job.MaxSteps,
        DropLast = job.DropLast,
        Seed = job.Seed,
        ClipNorm = job.ClipNorm,
        ClipValue = job.ClipValue,
        Metrics = job.Metrics,
        EarlyStopPatience = job.EarlyStop?.Patience,
        EarlyStopMetric = job.EarlyStop?.Metric ?? "loss",
        EarlyStopMinDelta = job.EarlyStop?.MinDelta ?? 0,
    };

    private static IEnumerable<(string Name, bool Differs)> Fixed(JobOptions own, JobOptions asked) =>
    [
        ("model", own.Model != asked.Model || asked.Layers is not null),
        ("data", own.Data != asked.Data),
        ("loss", asked.Loss is not null),
        ("class-weights", asked.ClassWeights is not null),
        ("optimizer", asked.Optimizer is not null || asked.OptimizerOptions is not null),
        ("momentum", asked.Momentum is not null),
        ("weight-decay", asked.WeightDecay is not null),
        ("betas", asked.Betas is not null),
        ("dropout", asked.Dropout is not null),
    ];
}
