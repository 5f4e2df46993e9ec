using DistTrain.Coordinator.Commands;
using DistTrain.Tests.Data;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Stop, crash and resume on the real command.</summary>
public class ResumeTests
{
    private const string Job = "--data digits:203,40 --batch-size 20 --shards 4 --dropout 0.2 --optimizer adamw --output json";

    [Theory]
    [InlineData("")]
    [InlineData("--codec topk:0.05 --weights-codec bf16 --accumulate 2")]
    public async Task A_run_that_is_stopped_mid_epoch_goes_on_to_the_bits_of_one_that_never_was(string more)
    {
        using var folder = new TempFolder();
        var whole = LocalRun.ResultAsync($"{Job} --epochs 3 {more}");
        var first = await CommandProcess.RunInAsync(folder.Folder, $"local {Job} --epochs 3 --workers 2 {more} --max-steps 16 --threads-per-worker 2 --checkpoint-dir saved --checkpoint-every 5");
        Assert.Equal([16], first.Events.Where(e => e.GetProperty("event").GetString() == "checkpoint").Select(e => e.GetProperty("step").GetInt64()).TakeLast(1));
        // Only what is allowed to change is given; the rest comes from the checkpoint.
        var second = await CommandProcess.RunInAsync(folder.Folder, "local --resume --checkpoint-dir saved --max-steps 1000 --workers 3 --output json");
        Assert.Equal(await whole, Hashes(second));
    }

    [Fact]
    public async Task A_run_that_is_killed_at_any_time_goes_on_to_the_same_bits()
    {
        // DISTTRAIN_KILLS sets how many times; each ends with a file that is whole, or the one before it.
        int kills = int.TryParse(Environment.GetEnvironmentVariable("DISTTRAIN_KILLS"), out int given) ? given : 4;
        using var folder = new TempFolder();
        // Steps are shorter than writes, so something is always being written; and there are enough of them that every kill meets a run.
        string Long = $"{Job} --model cnn --epochs {6 + 3 * kills} --workers 2";
        var whole = await LocalRun.ResultAsync(Long);
        var random = new Random(5);
        bool begun = false;
        for (int i = 0; i < kills; i++)
        {
            using var command = new CommandProcess(folder.Folder, $"local {Long} --checkpoint-dir saved --checkpoint-every 1{(begun ? " --resume" : "")}");
            await command.StartedAsync();
            await command.PrintedAsync("checkpoint", random.Next(1, 4));
            // Anywhere in what is being written.
            await Task.Delay(random.Next(40));
            command.Kill();
            begun = true;
        }
        var last = await CommandProcess.RunInAsync(folder.Folder, $"local {Long} --checkpoint-dir saved --checkpoint-every 1 --resume");
        Assert.Equal(whole, Hashes(last));
        // Runs go only forward: work left for the last one means that each kill met one at work.
        Assert.Contains(last.Events, e => e.GetProperty("event").GetString() == "checkpoint");
    }

    [Fact]
    public async Task Resume_refuses_another_job()
    {
        using var folder = new TempFolder();
        Assert.Equal(0, (await CommandProcess.RunInAsync(folder.Folder, $"local {Job} --max-steps 2 --checkpoint-dir saved")).ExitCode);
        (string Arguments, string Given, string Allowed)[] cases =
        [
            ("--resume --lr 0.5", "--lr was 0.5", ""), ("--resume --shards 2", "--shards was 2", "expected 4"), ("--resume --data digits:100,40", "--data was digits:100,40", "digits:203,40"),
            ("--resume --init-weights x", "--init-weights", "--resume"), (Job, "--checkpoint-dir saved", "--resume"),
        ];
        foreach (var (arguments, given, allowed) in cases) AssertRefused(await CommandProcess.RunInAsync(folder.Folder, $"local --checkpoint-dir saved {arguments}"), given, allowed);
    }

    [Theory]
    [InlineData("local --resume", "--resume needs", "--checkpoint-dir")]
    [InlineData("local --resume --checkpoint-dir none", "none", "no checkpoint")]
    [InlineData("local --checkpoint-every 5", "--checkpoint-every needs", "--checkpoint-dir")]
    [InlineData("local --init-weights none.safetensors", "--init-weights none.safetensors", "no such file")]
    public async Task What_is_missing_is_said(string arguments, string given, string allowed) => AssertRefused(await CommandProcess.RunAsync(arguments), given, allowed);

    [Fact]
    public async Task A_fresh_start_from_weights_of_an_earlier_run()
    {
        using var folder = new TempFolder();
        var first = await CommandProcess.RunInAsync(folder.Folder, $"local {Job} --max-steps 3 --run-dir out");
        var none = await CommandProcess.RunInAsync(folder.Folder, $"local {Job} --max-steps 1 --lr 0 --weight-decay 0 --init-weights out/weights.safetensors");
        Assert.Equal(first.Last("finished").GetProperty("weights_sha256").GetString(), none.Last("finished").GetProperty("weights_sha256").GetString());
        AssertRefused(await CommandProcess.RunInAsync(folder.Folder, $"local --model mlp-wide --init-weights out/weights.safetensors"), "out/weights.safetensors", "shape");
    }

    [Fact]
    public void A_job_survives_its_json_and_differences_are_named()
    {
        var job = new JobOptions { Consistency = new Consistency.Ssp(2), OnNonFinite = OnNonFinite.Skip, Seed = ulong.MaxValue, LearningRate = 0.1, Shards = 3, Betas = (0.8, 0.9) };
        Assert.Equal(job, JobJson.Parse(JobJson.Of(job)));
        Assert.Null(JobJson.Difference(job, job with { Epochs = 7, MaxSteps = 3 }));
        Assert.Equal(("batch-size", "the default", "8"), JobJson.Difference(job, job with { BatchSize = 8 }));
        Assert.Throws<UserErrorException>(() => JobJson.Parse("""{ "Code": "rm" }"""));
    }

    [Fact]
    public void A_difference_is_named_by_the_option_that_sets_it()
    {
        HashSet<string> options = ["job", .. LocalCommand.Settings.Select(setting => setting.Name)];
        var job = new JobOptions();
        foreach (var (property, other) in Training.OtherOptions.Of(job))
        {
            if (property is nameof(JobOptions.Epochs) or nameof(JobOptions.MaxSteps)) continue;
            string name = JobJson.Difference(job, other)!.Value.Name;
            Assert.True(options.Contains(name), $"{property}: there is no --{name}");
        }
    }

    private static (string?, string?, double, double) Hashes(CommandResult run)
    {
        Assert.True(run.ExitCode == 0, run.Errors);
        var end = run.Last("finished");
        return (end.GetProperty("weights_sha256").GetString(), end.GetProperty("state_sha256").GetString(), end.GetProperty("train_loss").GetDouble(), end.GetProperty("test_loss").GetDouble());
    }

    private static void AssertRefused(CommandResult result, string given, string allowed)
    {
        Assert.Equal(2, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.Contains(given, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Contains(allowed, result.Errors, StringComparison.Ordinal);
    }
}
