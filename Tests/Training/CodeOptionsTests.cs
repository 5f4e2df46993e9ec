using DistTrain.Coordinator;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Training;
using DistTrain.Training.Code;

namespace DistTrain.Tests.Training;

/// <summary>What options do to a job in C#: each is applied or refused, and none changes what it does not name.</summary>
public class CodeOptionsTests
{
    /// <summary>What runners take from the options themselves.</summary>
    private static readonly string[] OfRunners = [nameof(JobOptions.Codec), nameof(JobOptions.WeightsCodec), nameof(JobOptions.Numerics)];

    [Theory]
    [InlineData(typeof(SmallJob))]
    [InlineData(typeof(SteeredJob))]
    public void Each_option_is_applied_or_refused(Type type)
    {
        var code = JobAssembly.Of(type.Assembly).Find(type.FullName);
        var own = CodeOptions.Of(code);
        var plain = CodeOptions.Apply(code, own);
        var silent = new List<string>();
        foreach (var (name, asked) in OtherOptions.Of(own))
        {
            if (name == nameof(JobOptions.Code) || OfRunners.Contains(name)) continue;
            try
            {
                if (Differences(plain, CodeOptions.Apply(code, asked)).Count == 0) silent.Add(name);
            }
            catch (UserErrorException)
            {
                // Refused: whoever asked knows.
            }
        }
        Assert.Empty(silent);
    }

    [Fact]
    public void A_job_without_other_options_is_the_codes_own()
    {
        var code = JobCode.Of<SteeredJob>();
        Assert.Empty(Differences(code.Job, CodeOptions.Apply(code, CodeOptions.Of(code))));
    }

    [Fact]
    public void Warm_up_comes_before_the_codes_own_schedule_and_the_plateau_stays()
    {
        var code = JobCode.Of<SteeredJob>();
        var job = CodeOptions.Apply(code, CodeOptions.Of(code) with { WarmupSteps = 2 });
        Assert.Equal(["Schedule"], Differences(code.Job, job));
        Assert.Equal(new Warmup(2, code.Job.Schedule), job.Schedule);
        var error = Assert.Throws<UserErrorException>(() => CodeOptions.Apply(code, CodeOptions.Of(code) with { WarmupSteps = 1000 }));
        Assert.Contains("warm-up steps was 1000", error.Message, StringComparison.Ordinal);
        var byEpoch = JobCode.Of<JobByEpoch>();
        error = Assert.Throws<UserErrorException>(() => CodeOptions.Apply(byEpoch, CodeOptions.Of(byEpoch) with { WarmupSteps = 2 }));
        Assert.Contains("does not go with a schedule that counts epochs", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--min-lr")]
    [InlineData("--schedule-by-epoch")]
    public void What_goes_with_another_schedule_is_refused_without_one(string option)
    {
        var code = JobCode.Of<SteeredJob>();
        var own = CodeOptions.Of(code);
        var asked = option == "--min-lr" ? own with { MinLearningRate = 0.01 } : own with { ScheduleByEpoch = true };
        var error = Assert.Throws<UserErrorException>(() => CodeOptions.Apply(code, asked));
        Assert.Contains(option, error.Message, StringComparison.Ordinal);
        Assert.Contains("--schedule", error.Message, StringComparison.Ordinal);
        var taken = CodeOptions.Apply(code, asked with { Schedule = "cosine", ScheduleOptions = option == "--min-lr" ? null : new ExponentialLR(0.5) });
        Assert.Equal(option != "--min-lr", taken.ScheduleByEpoch);
    }

    [Fact]
    public void The_outer_optimizer_is_the_codes_where_nothing_else_is_asked_for()
    {
        var code = JobCode.Of<SteeredJob>();
        var own = CodeOptions.Of(code);
        Assert.Equal(new OuterOptions(0.5, 0.9), CodeOptions.Apply(code, own).Outer);
        Assert.Equal(new OuterOptions(0.25, 0.9), CodeOptions.Apply(code, own with { OuterLearningRate = 0.25 }).Outer);
        var small = JobCode.Of<SmallJob>();
        Assert.Null(CodeOptions.Apply(small, CodeOptions.Of(small)).Outer);
        Assert.Equal(new OuterOptions(OuterOptions.DefaultLearningRate, 0.5), CodeOptions.Apply(small, CodeOptions.Of(small) with { OuterMomentum = 0.5 }).Outer);
    }

    [Fact]
    public void The_outer_optimizer_of_local_steps_goes_with_them()
    {
        var code = JobCode.Of<JobOfLocalSteps>();
        var own = CodeOptions.Of(code);
        Assert.Equal(new OuterOptions(0.5, 0.9), CodeOptions.Apply(code, own with { Consistency = Consistency.Parse("local:9") }).Outer);
        var bsp = CodeOptions.Apply(code, own with { Consistency = Consistency.Default });
        ClusterRules.Check(ClusterJob.From(bsp), new ClusterOptions());
        Assert.Null(bsp.Outer);
        // What is asked for as well is said to be wrong.
        var asked = CodeOptions.Apply(code, own with { Consistency = Consistency.Default, OuterLearningRate = 0.25 });
        var error = Assert.Throws<UserErrorException>(() => ClusterRules.Check(ClusterJob.From(asked), new ClusterOptions()));
        Assert.Equal("an outer optimizer (outer-lr 0.25, outer-momentum 0.9) does not go with consistency bsp: only local:<H> has one", error.Message);
    }

    /// <summary>The properties in which two jobs differ, but for the options that they came from.</summary>
    private static List<string> Differences(TrainingJob one, TrainingJob other) =>
        [.. typeof(TrainingJob).GetProperties().Where(property => property.Name != nameof(TrainingJob.Options) && !Equals(property.GetValue(one), property.GetValue(other))).Select(property => property.Name)];
}

/// <summary>Watches a metric without ever ending, lowers its rate in two ways, and has an outer optimizer of its own.</summary>
public sealed class SteeredJob : IJobSource
{
    public TrainingJob Create() => SmallJob.Small() with
    {
        EarlyStop = new EarlyStopping("f1", null, 0.01),
        Schedule = new ExponentialLR(0.5),
        Plateau = new ReduceLROnPlateau(),
        Outer = new OuterOptions(0.5, 0.9),
        Metrics = ["f1"],
    };
}

public sealed class JobOfLocalSteps : IJobSource
{
    public TrainingJob Create() => SmallJob.Small() with { Consistency = Consistency.Parse("local:4"), Outer = new OuterOptions(0.5, 0.9) };
}

public sealed class JobByEpoch : IJobSource
{
    public TrainingJob Create() => SmallJob.Small() with { Schedule = new ExponentialLR(0.5), ScheduleByEpoch = true };
}
