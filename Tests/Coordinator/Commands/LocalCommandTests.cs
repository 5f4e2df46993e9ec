using System.Runtime.InteropServices;
using System.Text.Json;
using DistTrain.Nn.Files;
using DistTrain.Tests.Data;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>The command <c>local</c> as a user runs it: in a process of its own.</summary>
public class LocalCommandTests
{
    private const string Small = "local --data digits:100,40 --epochs 2 --batch-size 20";

    [Fact]
    public async Task Without_options_it_learns_the_digits()
    {
        var result = await CommandProcess.RunAsync("local --output json");

        Assert.Equal(0, result.ExitCode);
        Assert.True(result.Last("finished").GetProperty("test_accuracy").GetDouble() >= 0.97, result.Output);
    }

    [Fact]
    public async Task Json_is_the_events_in_order_and_nothing_else()
    {
        using var folder = new TempFolder();
        var result = await CommandProcess.RunInAsync(folder.Folder, $"{Small} --workers 2 --output json --log-every 4 --clip-norm 1 --run-dir out");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(
            ["started", "worker_joined", "worker_joined", "step", "epoch", "step", "epoch", "finished"],
            result.Events.Select(e => e.GetProperty("event").GetString()!));
        Assert.Equal(["event", "pid", "workers", "shards", "batch_size", "numerics", "parameters", "bytes_per_step"], Fields(result.Events[0]));
        Assert.Equal(["event", "worker", "pid"], Fields(result.Events[1]));
        Assert.Equal(["event", "step", "epoch", "train_loss", "gradient_norm"], Fields(result.Events[3]));
        Assert.Equal(["event", "epoch", "train_loss", "test_loss", "test_accuracy", "samples_per_s", "test_metrics", "learning_rate", "best"], Fields(result.Events[4]));
        var finished = result.Last("finished");
        Assert.Equal(["event", "steps", "samples", "train_loss", "test_loss", "test_accuracy", "samples_per_s", "weights", "weights_sha256", "state_sha256", "test_metrics", "best_epoch", "best_weights"], Fields(finished));
        Assert.Equal(10, finished.GetProperty("steps").GetInt64());
        Assert.Equal(200, finished.GetProperty("samples").GetInt64());
        Assert.Equal(535_818, result.Events[0].GetProperty("parameters").GetInt64());
        Assert.Empty(result.Errors);
    }

    [Fact]
    public async Task The_start_tells_codecs_and_their_bytes_and_a_codec_that_sends_more_than_none_is_warned_of()
    {
        const string job = "local --data digits:32,8 --batch-size 16 --shards 8 --workers 1 --epochs 1 --output json";
        var none = (await CommandProcess.RunAsync(job)).Events[0];
        Assert.False(none.TryGetProperty("codec", out _));
        var half = await CommandProcess.RunAsync($"{job} --codec topk:0.01 --weights-codec bf16");
        Assert.Equal(("topk:0.01", "bf16"), (half.Events[0].GetProperty("codec").GetString(), half.Events[0].GetProperty("weights_codec").GetString()));
        Assert.InRange(half.Events[0].GetProperty("bytes_per_step").GetInt64(), 1, none.GetProperty("bytes_per_step").GetInt64() - 1);
        Assert.DoesNotContain(half.Events, e => e.GetProperty("event").GetString() == "warning");
        var more = await CommandProcess.RunAsync($"{job} --codec int8");
        Assert.True(more.Events[0].GetProperty("bytes_per_step").GetInt64() > none.GetProperty("bytes_per_step").GetInt64());
        Assert.Contains("more than the", Assert.Single(more.Events, e => e.GetProperty("event").GetString() == "warning").GetProperty("text").GetString());
    }

    [Fact]
    public async Task The_weights_are_saved_under_the_names_of_the_state_dict()
    {
        using var folder = new TempFolder();
        var result = await CommandProcess.RunInAsync(folder.Folder, $"{Small} --max-steps 1 --output json");

        var path = result.Last("finished").GetProperty("weights").GetString()!;
        Assert.StartsWith(Path.Combine(folder.Folder, "runs"), path, StringComparison.Ordinal);
        using var file = SafeTensorsFile.Open(path);
        var layers = file.Entries.Values.OrderBy(e => e.Offset).ToList();
        Assert.Equal(["weight", "bias", "weight", "bias", "weight", "bias"], layers.Select(e => e.Name.Split('.')[^1]));
        Assert.Equal([512, 784], layers[0].Shape);
    }

    [Fact]
    public async Task In_a_pipe_it_prints_plain_lines_and_where_the_weights_are()
    {
        var result = await CommandProcess.RunAsync($"{Small} --run-dir out");

        Assert.Equal(0, result.ExitCode);
        Assert.DoesNotContain('\e', result.Output);
        Assert.DoesNotContain('\r', result.Output);
        Assert.Contains("mlp (535,818 parameters) trains on 100 samples of digits:100,40, tests on 40", result.Lines[0], StringComparison.Ordinal);
        Assert.StartsWith("     1 ", result.Lines[3], StringComparison.Ordinal);
        Assert.StartsWith("     2 ", result.Lines[4], StringComparison.Ordinal);
        Assert.Equal($"weights: {Path.Combine("out", "weights.safetensors")}", result.Lines[^2]);
        Assert.Matches($"^best, of epoch [12]: {Path.Combine("out", "best.safetensors")}$", result.Lines[^1]);
    }

    [Fact]
    public async Task An_option_wins_over_the_environment_and_the_environment_over_the_file()
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", """{ "DistTrain": { "Data": "digits:60,0", "Shards": 2, "batch_size": 30, "max-steps": 3, "Output": "json" } }""");
        var result = await CommandProcess.RunInAsync(folder.Folder, "local --max-steps 1", ("DISTTRAIN_MAX_STEPS", "2"), ("DISTTRAIN_BATCH_SIZE", "20"));

        Assert.Equal(1, result.Last("finished").GetProperty("steps").GetInt64());
        Assert.Equal(20, result.Events[0].GetProperty("batch_size").GetInt32());
        Assert.Equal(2, result.Events[0].GetProperty("shards").GetInt32());
    }

    [Theory]
    [InlineData(PosixSignal.SIGINT, 130)]
    [InlineData(PosixSignal.SIGTERM, 143)]
    public async Task A_signal_ends_the_run_after_its_step_and_saves(PosixSignal signal, int exitCode)
    {
        using var folder = new TempFolder();
        using var command = new CommandProcess(folder.Folder, "local --data digits:100,40 --epochs 1000000 --output json");
        await command.StartedAsync();
        command.Send(signal);
        var result = await command.EndAsync();

        Assert.Equal(exitCode, result.ExitCode);
        using var file = SafeTensorsFile.Open(result.Last("interrupted").GetProperty("weights").GetString()!);
        Assert.NotEmpty(file.Entries);
        Assert.Contains("ends after this step", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_interrupt_ends_the_process_at_once()
    {
        using var folder = new TempFolder();
        // A batch of 20,000 takes long enough for the second signal to come within the step.
        using var command = new CommandProcess(folder.Folder, "local --data digits:20000,0 --batch-size 20000 --model mlp-wide --epochs 1000 --output json");
        await command.StartedAsync();
        command.Send(PosixSignal.SIGINT);
        command.Send(PosixSignal.SIGTERM);
        var result = await command.EndAsync();

        Assert.Contains(result.ExitCode, new[] { 130, 143 });
        Assert.DoesNotContain("interrupted", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_loss_that_is_no_number_fails_the_run_and_says_what_to_do()
    {
        var result = await CommandProcess.RunAsync("local --data digits:200,40 --lr 1e30 --output json");

        Assert.Equal(1, result.ExitCode);
        var error = result.Last("failed").GetProperty("error").GetString()!;
        Assert.Contains("not finite", error, StringComparison.Ordinal);
        Assert.Contains("--lr", error, StringComparison.Ordinal);
        Assert.Single(result.ErrorLines);
    }

    [Theory]
    [InlineData("--help", "Commands:")]
    [InlineData("local --help", "--batch-size <n>")]
    public async Task Help_goes_to_stdout(string arguments, string expected)
    {
        var result = await CommandProcess.RunAsync(arguments);

        Assert.Equal(0, result.ExitCode);
        Assert.Contains(expected, result.Output, StringComparison.Ordinal);
        Assert.All(result.Lines, line => Assert.True(line.Length <= 110, line));
        Assert.Empty(result.Errors);
    }

    private static IEnumerable<string> Fields(JsonElement line) => line.EnumerateObject().Select(field => field.Name);
}
