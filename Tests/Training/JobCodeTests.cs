using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Training;
using DistTrain.Training.Code;

namespace DistTrain.Tests.Training;

/// <summary>Jobs in C# that are found by a type's name.</summary>
public class JobCodeTests
{
    private static readonly JobAssembly Here = JobAssembly.Of(typeof(JobCodeTests).Assembly);

    [Theory]
    [InlineData("DistTrain.Tests.Training.SmallJob")]
    [InlineData("SmallJob")]
    [InlineData("DistTrain.Tests.Training.JobInAProperty")]
    [InlineData("JobFromAMethod")]
    public void A_job_is_found_by_its_types_name(string type) => Assert.Equal("small", Here.Find(type).Job.Name);

    [Theory]
    [InlineData("SmalJob", "has no type SmalJob; its jobs are ", "; did you mean ")]
    [InlineData("NoJob", "DistTrain.Tests.Training.NoJob of Tests.dll is no job, expected a class that implements IJobSource and has a public constructor without parameters", "")]
    [InlineData("JobWithoutConstructor", "is no job, expected", "")]
    [InlineData("TwoJobs", "is no job, expected", "one public static property or method of type TrainingJob")]
    public void A_type_that_is_no_job_is_refused_with_those_that_are(string type, string expected, string also)
    {
        var error = Assert.Throws<UserErrorException>(() => Here.Find(type));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(also, error.Message, StringComparison.Ordinal);
        Assert.Contains("DistTrain.Tests.Training.SmallJob", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("JobThatThrows", "could not make its job: InvalidOperationException: no such thing (JobCodeTests.cs, line ")]
    [InlineData("JobThatIsNull", "JobThatIsNull: it gave no job: null")]
    [InlineData("JobWithBadInput", "JobWithBadInput: nowhere.csv: no such file")]
    public void A_job_that_cannot_be_made_says_why(string type, string expected)
    {
        var error = Assert.Throws<UserErrorException>(() => Here.Find(type).Job);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("nowhere.dll", "nowhere.dll: no such file")]
    [InlineData("text.dll", "is no .NET assembly that can be loaded here")]
    public void A_file_that_is_no_assembly_is_refused(string name, string expected)
    {
        using var folder = new Data.TempFolder();
        folder.Write("text.dll", "not code");
        string path = Path.Combine(folder.Folder, name);
        Assert.Contains(expected, Assert.Throws<UserErrorException>(() => JobAssembly.Load(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_change_a_jobs_numbers_and_nothing_else()
    {
        var code = JobCode.Of<SmallJob>();
        var own = CodeOptions.Of(code);
        var plain = JobBuilder.Build(own, 7, code);
        Assert.Equal((12, 2, 3, 5UL, 0.1), (plain.BatchSize, plain.Shards, plain.Epochs, plain.Seed, plain.LearningRate));
        var changed = JobBuilder.Build(own with { Epochs = 9, Shards = 4, Schedule = "cosine" }, 7, code);
        Assert.Equal((9, 4), (changed.Epochs, changed.Shards));
        Assert.NotNull(changed.Schedule);
        var error = Assert.Throws<UserErrorException>(() => JobBuilder.Build(own with { Optimizer = "adam" }, 1, code));
        Assert.Equal("--optimizer does not go with a job in C#: DistTrain.Tests.Training.SmallJob decides it", error.Message);
    }

    [Fact]
    public void A_fingerprint_is_over_what_lies_beside_the_job_and_not_over_dot_nets_own()
    {
        string folder = Path.GetDirectoryName(typeof(JobCodeTests).Assembly.Location)!;
        var parts = Here.Parts();
        Assert.Contains("Tests", parts.Keys);
        Assert.Contains("xunit.core", parts.Keys);
        // Of a shared framework that is not the one with System.Private.CoreLib.
        Assert.Contains(typeof(JobCodeTests).Assembly.GetReferencedAssemblies(), reference => reference.Name == "Microsoft.Extensions.Hosting.Abstractions");
        Assert.DoesNotContain("Microsoft.Extensions.Hosting.Abstractions", parts.Keys);
        Assert.All(parts, part => Assert.Equal(folder, Path.GetDirectoryName(part.Value)));
        Assert.DoesNotContain(parts.Keys, name => name.StartsWith("DistTrain.", StringComparison.Ordinal));
    }

    [Fact]
    public void A_job_of_another_build_or_without_its_code_is_refused()
    {
        var code = JobCode.Of<SmallJob>();
        var own = CodeOptions.Of(code);
        Assert.Contains("give --job Tests.dll:DistTrain.Tests.Training.SmallJob", Assert.Throws<UserErrorException>(() => JobBuilder.Build(own, 1)).Message, StringComparison.Ordinal);
        var other = own with { Code = own.Code! with { Fingerprint = new string('0', 64) } };
        Assert.Contains("the job's has 000000000000: expected the same build on both sides", Assert.Throws<UserErrorException>(() => JobBuilder.Build(other, 1, code)).Message, StringComparison.Ordinal);
        // A fingerprint from elsewhere may be of any length.
        var cut = own with { Code = own.Code! with { Fingerprint = "ab" } };
        Assert.Contains("the job's has ab: expected", Assert.Throws<UserErrorException>(() => JobBuilder.Build(cut, 1, code)).Message, StringComparison.Ordinal);
        Assert.Equal(own.Code, JobJson.Parse(JobJson.Of(own)).Code);
    }
}

public sealed class SmallJob : IJobSource
{
    public TrainingJob Create() => Small();

    internal static TrainingJob Small() => new()
    {
        Name = "small",
        Model = () => new Sequential(new Flatten(), new Linear(784, 10)),
        Data = DigitsSource.Create(train: 60, test: 12),
        LearningRate = 0.1,
        BatchSize = 12,
        Shards = 2,
        Epochs = 3,
        Seed = 5,
    };
}

public static class JobInAProperty
{
    public static TrainingJob Job => SmallJob.Small();
}

public static class JobFromAMethod
{
    public static TrainingJob Make() => SmallJob.Small();
}

public static class TwoJobs
{
    public static TrainingJob One => SmallJob.Small();

    public static TrainingJob Two => SmallJob.Small();
}

public sealed class NoJob;

public sealed class JobWithoutConstructor(int epochs) : IJobSource
{
    public TrainingJob Create() => SmallJob.Small() with { Epochs = epochs };
}

public sealed class JobThatThrows : IJobSource
{
    public JobThatThrows() => throw new InvalidOperationException("no such thing");

    public TrainingJob Create() => SmallJob.Small();
}

public sealed class JobThatIsNull : IJobSource
{
    public TrainingJob Create() => null!;
}

public sealed class JobWithBadInput : IJobSource
{
    public TrainingJob Create() => SmallJob.Small() with { Data = DataSources.Open("csv:nowhere.csv") };
}
