using System.Diagnostics;
using DistTrain.Coordinator.Output;
using DistTrain.Coordinator.Runs;
using DistTrain.Simd;
using DistTrain.Training;
using DistTrain.Training.Code;
using DistTrain.Worker.CommandLine;
using Spectre.Console;

namespace DistTrain.Coordinator.Commands;

/// <summary>What every command that runs a job does around the run: folder, output, signals, saving, exit code.</summary>
internal static class JobRun
{
    /// <summary>Sets the numerics level that the job asks for; returns its name.</summary>
    /// <exception cref="UserErrorException">This machine cannot run it.</exception>
    public static string UseNumerics(JobOptions options)
    {
        var level = Numerics.TryParse(options.Numerics, out var asked) ? asked : Numerics.Best;
        if (!Numerics.IsSupported(level)) throw new UserErrorException($"--numerics was {Numerics.Name(level)}, expected {Numerics.Name(Numerics.Best)} at most: this machine has no more");
        Numerics.Use(level);
        return Numerics.Name(level);
    }

    /// <summary>Runs, tells, saves.</summary>
    /// <param name="options">Where results go.</param>
    /// <param name="job">The job.</param>
    /// <param name="facts">What is known of the run.</param>
    /// <param name="run">Starts the run: it is given who to tell and what stops it.</param>
    /// <param name="notes">Where notes go; null for stderr.</param>
    /// <param name="isResumed">Whether the run goes on from a checkpoint.</param>
    /// <param name="code">The C# that made the job; null for none.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(OutputOptions options, TrainingJob job, RunFacts facts, Func<Action<RunEvent>, CancellationToken, Task<RunResult>> run, TextWriter? notes = null, bool isResumed = false, JobCode? code = null)
    {
        var folder = RunFolder.Create(options.RunDir, job.Name, DateTime.Now);
        using var output = Open(options, facts, notes ?? Console.Error);
        using var recorder = Record(folder, job, facts, options, isResumed, code);
        using var signals = new StopSignals(signal => output.Note($"{signal}: ends after this step, then saves; again ends at once"));
        var clock = Stopwatch.StartNew();
        RunResult result;
        try
        {
            var order = new EventOrder(output);
            result = await run(
                happened =>
                {
                    order.Tell(happened);
                    recorder.Tell(happened, output.Note);
                },
                signals.Token);
            if (result.Last is RunEvent.Failed failed)
            {
                output.Failed(CommandRunner.OneLine(failed.Error) + Advice(failed.Error));
                return ExitCode.Failed;
            }
            var about = new Dictionary<string, string>(SavedModel.Describe(job, facts.Numerics)) { ["model"] = facts.Model, ["job"] = facts.Job };
            RunFolder.Save(folder.Weights, result.Layout, result.Weights, new Dictionary<string, string>(about) { ["step"] = $"{result.Steps}" });
            if (result is { BestWeights: { } best, Totals.BestEpoch: { } epoch })
                RunFolder.Save(folder.Best, result.Layout, best, new Dictionary<string, string>(about) { ["step"] = $"{Math.Min((epoch + 1) * facts.Plan.StepsPerEpoch, facts.Plan.TotalSteps)}" });
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            output.Failed($"the weights cannot be saved: {CommandRunner.OneLine(error.Message)}; make room or choose another --run-dir, and run again");
            return ExitCode.Failed;
        }
        var interrupted = result.Last as RunEvent.Interrupted;
        output.Ended(new RunSummary(result.Totals!, interrupted?.Reason, folder.Weights, result.WeightsSha256, result.StateSha256, clock.Elapsed,
            (result.Last as RunEvent.Finished)?.StoppedEarly, result.BestWeights is null ? null : folder.Best));
        if (result.Timeline is { } timeline) output.Note($"{timeline}");
        recorder.Draw(output.Note);
        return interrupted is null ? ExitCode.Done : signals.ExitWith ?? ExitCode.Done;
    }

    /// <exception cref="UserErrorException">The folder cannot be written to.</exception>
    private static RunRecorder Record(RunFolder folder, TrainingJob job, RunFacts facts, OutputOptions options, bool isResumed, JobCode? code)
    {
        try
        {
            return new RunRecorder(folder, job, code, facts, options, isResumed);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--run-dir was '{folder.Path}', expected a folder that can be written to: {error.Message}", error);
        }
    }

    /// <summary>What to do next, where that can be told from the failure.</summary>
    private static string Advice(string error) =>
        error.Contains("not finite", StringComparison.Ordinal) ? "; the loss runs away: run again with a smaller --lr, or with --clip-norm 1"
        : error.Contains("no worker is left", StringComparison.Ordinal) ? "; nothing was saved: run again"
        : "";

    private static IRunOutput Open(OutputOptions options, RunFacts facts, TextWriter notes)
    {
        if (options.Format == "json") return new JsonOutput(facts, options.LogEvery, Console.OpenStandardOutput(), notes);
        // A log on the same terminal would tear the display.
        if (!Console.IsOutputRedirected && notes == Console.Error && AnsiConsole.Profile.Capabilities is { Ansi: true, Interactive: true }) return new LiveOutput(facts, options.LogEvery, AnsiConsole.Console);
        return new PlainOutput(facts, options.LogEvery, Console.Out, notes);
    }
}
