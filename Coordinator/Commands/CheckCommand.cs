using System.CommandLine;
using DistTrain.Coordinator.Checking;
using DistTrain.Training;
using DistTrain.Training.Files;
using DistTrain.Worker.CommandLine;
using Spectre.Console;

namespace DistTrain.Coordinator.Commands;

/// <summary><c>check</c>: looks at a job without training it.</summary>
internal static class CheckCommand
{
    private const string Summary = "Checks a job without training it, and prints its layers with their shapes, its parameters, and the memory and bytes per step that it takes.";

    private static readonly IReadOnlyList<Setting<Asked>> Settings =
    [
        JobFile.Setting<Asked>((asked, file) => asked with { JobFile = file }),
        .. JobSettings.For<Asked>(asked => asked.Job, (asked, job) => asked with { Job = job }),
        new("workers", "<n>", "Check", "Workers that memory and bytes are told for. Default: 2.", (asked, given) => asked with { Workers = given.Int(1, 1024) }),
        new("determinism", "", "Check", $"Runs the first {DeterminismCheck.Steps} steps twice with 1 and twice with 2 workers, and says whether all bits are the same, and if not where they differ first.", (asked, given) => asked with { Determinism = given.Switch() }),
        new("output", "<format>", "Output", "text: a table for people; json: one event on stdout. Default: text.", (asked, given) => asked with { Json = given.OneOf(["text", "json"]) == "json" }),
    ];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("check", "Checks a job without training it.");
        var options = new SettingOptions<Asked>(command, Settings, Summary, given => JobFile.Read(given, Settings, new Asked()));
        command.SetAction((parsed, _) => RunAsync(defaults => options.Bind(parsed, defaults), parsed.Tokens.Any(token => token.Value == "json")));
        return command;
    }

    private static async Task<int> RunAsync(Func<Asked, Asked> bind, bool json)
    {
        try
        {
            var (asked, code) = JobSource.Bind(bind, new Asked(), given => given.JobFile, (given, job) => given with { Job = job });
            json = asked.Json;
            JobRun.UseNumerics(asked.Job);
            var job = JobFile.Build(asked.Job, asked.JobFile, Math.Min(asked.Workers, asked.Job.BatchSize ?? int.MaxValue), code);
            var report = JobReport.Of(job, asked.Workers);
            if (asked.Determinism)
            {
                bool first = true;
                TrainingJob Make()
                {
                    if (first && code is null)
                    {
                        first = false;
                        return job;
                    }
                    return JobFile.Build(asked.Job, asked.JobFile, job.Shards, code?.Again());
                }
                report = report with { Determinism = await DeterminismCheck.RunAsync(Make, Progress) };
            }
            if (json) CheckOutput.WriteJson(report, Console.Out);
            else CheckOutput.WriteText(report, AnsiConsole.Console);
            return report.Determinism?.Difference is null ? ExitCode.Done : ExitCode.Failed;
        }
        catch (UserErrorException error) when (json)
        {
            CheckOutput.WriteProblems(error is JobErrorException many ? many.Problems : [new JobProblem("", error.Message)], Console.Out);
            throw;
        }
    }

    private static void Progress(string what)
    {
        if (!Console.IsErrorRedirected) Console.Error.WriteLine($"compares {what}");
    }

    private sealed record Asked
    {
        public JobOptions Job { get; init; } = new();

        public string? JobFile { get; init; }

        public int Workers { get; init; } = 2;

        public bool Determinism { get; init; }

        public bool Json { get; init; }
    }
}
