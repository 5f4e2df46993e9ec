using System.CommandLine;
using System.Globalization;
using DistTrain.Coordinator.Pictures;
using DistTrain.Coordinator.Runs;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary><c>find-lr</c>: tries learning rates and suggests one.</summary>
internal static class FindRateCommand
{
    private const string Group = "Rates";
    private const string Summary = "Trains for a few steps with a learning rate that grows from step to step, and suggests the one at which the loss falls fastest. Nothing of the training is kept.";

    private static readonly IReadOnlyList<Setting<Asked>> Settings =
    [
        new("from", "<x>", Group, "The first rate. Default: 1e-6.", (asked, given) => asked with { From = given.Number(0, above: true) }),
        new("to", "<x>", Group, "The last rate. Default: 10.", (asked, given) => asked with { To = given.Number(0, above: true) }),
        new("steps", "<n>", Group, "Steps, each with a rate of its own. Default: 200.", (asked, given) => asked with { Steps = given.Int(20, 1_000_000) }),
        JobFile.Setting<Asked>((asked, file) => asked with { JobFile = file }),
        .. JobSettings.For<Asked>(asked => asked.Job, (asked, job) => asked with { Job = job }).Where(row => !Unused.Contains(row.Name)),
        new("data-root", "<folder>", "Job", "The folder that relative paths of --data are taken from. Default: the current one.", (asked, given) => asked with { DataRoot = given.NotEmpty("a folder") }),
        new("output", "<format>", "Output", "text or json. Default: text.", (asked, given) => asked with { Json = given.OneOf(["text", "json"]) == "json" }),
        new("run-dir", "<folder>", "Output", "Where learning-rate.svg, learning-rate.png and learning-rate.csv are saved. Default: runs/<time>-find-lr-<job>.", (asked, given) => asked with { RunDir = given.NotEmpty("a folder") }),
    ];

    private static string[] Unused => ["lr", "min-lr", "schedule", "warmup-steps", "epochs", "max-steps", "early-stop-patience", "early-stop-metric", "early-stop-min-delta", "consistency", "metrics"];

    private sealed record Asked
    {
        public JobOptions Job { get; init; } = new();

        public string? JobFile { get; init; }

        public string? DataRoot { get; init; }

        public double From { get; init; } = 1e-6;

        public double To { get; init; } = 10;

        public int Steps { get; init; } = 200;

        public bool Json { get; init; }

        public string? RunDir { get; init; }
    }

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("find-lr", "Tries learning rates and suggests one.");
        var options = new SettingOptions<Asked>(command, Settings, Summary, given => JobFile.Read(given, Settings, new Asked()));
        command.SetAction((parsed, _) => Task.FromResult(Run(defaults => options.Bind(parsed, defaults))));
        return command;
    }

    private static int Run(Func<Asked, Asked> bind)
    {
        var (asked, code) = JobSource.Bind(bind, new Asked(), given => given.JobFile, (given, job) => given with { Job = job });
        JobRun.UseNumerics(asked.Job);
        var job = JobFile.Build(asked.Job, asked.JobFile, 1, code, asked.DataRoot);
        var folder = RunFolder.Create(asked.RunDir, $"find-lr-{job.Name}", DateTime.Now);
        using var signals = new StopSignals();
        var trials = LearningRateFinder.Run(job, asked.From, asked.To, asked.Steps, Progress(asked), signals.Token);
        if (!asked.Json && !Console.IsErrorRedirected) Console.Error.Write("\r\e[K");
        if (signals.ExitWith is { } exit) return exit;
        if (trials.Count < 2) throw new UserErrorException(FormattableString.Invariant($"the loss is not finite at a learning rate of {asked.From}: begin lower with --from, or look at the data"));
        double? suggested = LearningRateFinder.Suggest(trials) is { } found ? RateCurve.Rounded(found) : null;
        string? picture = Save(folder, asked, trials, suggested);
        if (asked.Json) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{{\"event\":\"found\",\"lr\":{(suggested is { } rate ? rate.ToString("R", CultureInfo.InvariantCulture) : "null")},\"steps\":{trials.Count},\"picture\":{(picture is null ? "null" : System.Text.Json.JsonSerializer.Serialize(Path.GetFullPath(picture), Output.JsonEventContext.Readable.String))}}}"));
        else Tell(asked, trials, suggested, picture);
        return ExitCode.Done;
    }

    private static void Tell(Asked asked, IReadOnlyList<RateTrial> trials, double? suggested, string? picture)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"tried {trials.Count} rates from {asked.From:0.##e0} to {trials[^1].Rate:0.##e0}{(trials.Count < asked.Steps ? ", where the loss ran away" : "")}"));
        Console.WriteLine(suggested is { } rate ? $"suggested: --lr {RateCurve.RateText(rate)}" : "no rate to suggest: the loss never fell; try more --steps, or another range with --from and --to");
        if (picture is not null) Console.WriteLine($"picture: {picture}");
    }

    /// <summary>Saves figures and picture; null where no picture can be drawn here, which is told.</summary>
    private static string? Save(RunFolder folder, Asked asked, IReadOnlyList<RateTrial> trials, double? suggested)
    {
        try
        {
            File.WriteAllLines(folder.File("learning-rate.csv"), ["learning_rate,loss,smoothed", .. trials.Select(trial => FormattableString.Invariant($"{trial.Rate:R},{trial.Loss:R},{trial.Smooth:R}"))]);
            try
            {
                return Draw(folder, asked, trials, suggested);
            }
            catch (Exception error) when (error is DllNotFoundException or TypeInitializationException)
            {
                Console.Error.WriteLine(Picture.NotDrawn(folder.Path, error));
                return null;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--run-dir was '{folder.Path}', expected a folder that can be written to: {error.Message}", error);
        }
    }

    private static string Draw(RunFolder folder, Asked asked, IReadOnlyList<RateTrial> trials, double? suggested)
    {
        var picture = RateCurve.Draw($"{asked.Job.Model} on {Picture.NameOf(asked.Job.Data)}", trials, suggested);
        picture.SaveSvg(folder.File("learning-rate.svg"));
        picture.SavePng(folder.File("learning-rate.png"));
        return folder.File("learning-rate.png");
    }

    private static Action<RateTrial>? Progress(Asked asked)
    {
        if (Console.IsErrorRedirected || asked.Json) return null;
        int done = 0;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        return trial =>
        {
            if (++done < asked.Steps && clock.ElapsedMilliseconds < 100) return;
            clock.Restart();
            // A line that wraps cannot be written over.
            string text = string.Create(CultureInfo.InvariantCulture, $"step {done} of {asked.Steps}, rate {trial.Rate:0.0e0}, loss {trial.Smooth:F4}");
            int width = Console.IsOutputRedirected ? text.Length : Math.Max(1, Console.WindowWidth - 1);
            Console.Error.Write($"\r{(text.Length <= width ? text : text[..width])}\e[K");
        };
    }
}
