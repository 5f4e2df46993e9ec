using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Xml.Linq;
using DistTrain.Tests.Data;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Regression, yes or no, several labels and classes from the command line; what the run's folder gets; evaluation and prediction by the saved model.</summary>
public sealed class TaskCommandTests : IDisposable
{
    private const string Small = "--workers 2 --epochs 3 --batch-size 50 --seed 3 --output json --run-dir run";

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Regression_learns_a_plane_and_is_evaluated_and_predicted_by_its_folder()
    {
        folder.Write("plane.csv", Rows("a,b,price", (a, b) => FormattableString.Invariant($"{2 * a - b:F3}")));
        var trained = (await RunAsync($"local --data csv:plane.csv --lr 0.02 {Small}")).Last("finished");
        var metrics = trained.GetProperty("test_metrics");
        Assert.True(metrics.GetProperty("r2").GetDouble() > 0.9, $"{metrics}");
        Assert.Equal(Math.Sqrt(trained.GetProperty("test_loss").GetDouble()), metrics.GetProperty("rmse").GetDouble(), 6);
        Assert.False(trained.TryGetProperty("test_accuracy", out _));

        var evaluated = (await RunAsync("evaluate --checkpoint run --output json")).Last("evaluated");
        Assert.Equal(trained.GetProperty("test_loss").GetDouble(), evaluated.GetProperty("loss").GetDouble());
        Assert.Equal(metrics.GetProperty("mae").GetDouble(), evaluated.GetProperty("metrics").GetProperty("mae").GetDouble());

        // Rows to predict need no target, and columns may stand in another order.
        folder.Write("new.csv", "b,a\n1,0.5\n-1,1\n");
        var predicted = await RunAsync("predict --checkpoint run --data csv:new.csv");
        Assert.Equal("row,price", predicted.Lines[0]);
        Assert.Equal(3, predicted.Lines.Count);
        Assert.Equal(3.0, double.Parse(predicted.Lines[2].Split(',')[1], CultureInfo.InvariantCulture), 0.6);
    }

    [Fact]
    public async Task Classes_get_a_folder_with_figures_pictures_and_tensorboards_events()
    {
        folder.Write("kinds.csv", Rows("a,b,kind", (a, b) => a > 0.5 ? "\"large, red\"" : b > 0 ? "small" : "tiny"));
        var result = await RunAsync($"local --data csv:kinds.csv --lr 0.05 --metrics accuracy,f1,roc-auc,top-2 --class-weights balanced --tensorboard {Small}");
        var trained = result.Last("finished");
        Assert.True(trained.GetProperty("test_metrics").GetProperty("roc_auc").GetDouble() > 0.9, $"{trained}");
        string run = Path.Combine(folder.Folder, "run");
        string[] csv = File.ReadAllLines(Path.Combine(run, "metrics.csv"));
        Assert.Equal("epoch,step,train_loss,train_accuracy,test_loss,test_accuracy,test_f1,test_roc_auc,test_top_2,learning_rate,samples_per_s,best", csv[0]);
        Assert.Equal(4, csv.Length);
        Assert.Equal(trained.GetProperty("test_loss").GetDouble(), double.Parse(csv[3].Split(',')[4], CultureInfo.InvariantCulture));
        foreach (string name in new[] { "learning-curve", "confusion-matrix" })
        {
            string svg = File.ReadAllText(Path.Combine(run, name + ".svg"));
            Assert.Equal("svg", XDocument.Parse(svg).Root!.Name.LocalName);
            Assert.Contains(name == "learning-curve" ? "epoch" : "predicted", svg, StringComparison.Ordinal);
            Assert.Equal("89504E47", Convert.ToHexString(File.ReadAllBytes(Path.Combine(run, name + ".png")).AsSpan(0, 4)));
        }
        Assert.Contains("\"csv:kinds.csv\"", File.ReadAllText(Path.Combine(run, "job.json")), StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(run, "events.out.tfevents.*"));

        var evaluated = (await RunAsync("evaluate --checkpoint run/best.safetensors --output json --part test")).Last("evaluated");
        int best = trained.GetProperty("best_epoch").GetInt32();
        Assert.Equal(double.Parse(csv[best].Split(',')[4], CultureInfo.InvariantCulture), evaluated.GetProperty("loss").GetDouble());
        Assert.Equal(3, evaluated.GetProperty("classes").GetArrayLength());
        Assert.Equal(80, evaluated.GetProperty("confusion").EnumerateArray().Sum(row => row.EnumerateArray().Sum(cell => cell.GetInt32())));

        await RunAsync("predict --checkpoint run --data csv:kinds.csv --out predictions.csv");
        string[] predictions = File.ReadAllLines(Path.Combine(folder.Folder, "predictions.csv"));
        Assert.Equal("row,class,\"p_large, red\",p_small,p_tiny", predictions[0]);
        Assert.Equal(401, predictions.Length);
        string[] last = predictions[^1].Replace("\"large, red\"", "large").Split(',');
        Assert.Equal("400", last[0]);
        Assert.Equal(1.0, last[2..].Sum(p => double.Parse(p, CultureInfo.InvariantCulture)), 5);
    }

    [Fact]
    public async Task Yes_or_no_and_several_labels_are_learnt()
    {
        folder.Write("churn.csv", Rows("a,b,churn", (a, b) => a + b > 0 ? "yes" : "no"));
        var trained = (await RunAsync($"local --data csv:churn.csv?task=binary --lr 0.05 {Small}")).Last("finished");
        Assert.True(trained.GetProperty("test_metrics").GetProperty("roc_auc").GetDouble() > 0.95, $"{trained}");
        var text = await RunAsync("evaluate --checkpoint run --data csv:churn.csv");
        Assert.Contains("400 samples of churn.csv", text.Output, StringComparison.Ordinal);
        Assert.Contains("true \\ predicted", text.Output, StringComparison.Ordinal);
        Assert.Equal("row,class,p_yes", (await RunAsync("predict --checkpoint run --data csv:churn.csv")).Lines[0]);

        folder.Write("tags.csv", Rows("a,b,red,big", (a, b) => $"{(a > 0 ? 1 : 0)},{(b > 0.3 ? 1 : 0)}"));
        trained = (await RunAsync($"local --data csv:tags.csv?target=red,big --loss bce --lr 0.05 {Small}")).Last("finished");
        Assert.True(trained.GetProperty("test_metrics").GetProperty("exact_match").GetDouble() > 0.8, $"{trained}");
        Assert.Equal("row,red,big,p_red,p_big", (await RunAsync("predict --checkpoint run")).Lines[0]);
    }

    [Fact]
    public async Task A_run_that_no_longer_gets_better_ends_and_says_so()
    {
        folder.Write("noise.csv", Rows("a,b,y", (a, b) => FormattableString.Invariant($"{(a * 7919 % 1 + b * 104729 % 1):F4}")));
        var trained = (await RunAsync($"local --data csv:noise.csv --lr 0.05 --epochs 60 --early-stop-patience 2 --schedule plateau:0.5:0 {Small.Replace("--epochs 3", "")}")).Last("finished");
        Assert.Contains("loss has not got better for 2 epochs", trained.GetProperty("stopped_early").GetString(), StringComparison.Ordinal);
        Assert.True(File.Exists(trained.GetProperty("best_weights").GetString()));
        string[] csv = File.ReadAllLines(Path.Combine(folder.Folder, "run", "metrics.csv"));
        Assert.Equal("0.05", csv[1].Split(',')[^3]);
        Assert.True(double.Parse(csv[^1].Split(',')[^3], CultureInfo.InvariantCulture) < 0.05);
    }

    [Fact]
    public async Task A_learning_rate_is_found_and_drawn()
    {
        // A job of a file, its data below another folder.
        folder.Write("sets/plane.csv", Rows("a,b,price", (a, b) => FormattableString.Invariant($"{2 * a - b:F3}")));
        folder.Write("job.json", """{ "model": [{ "type": "Linear", "out_features": 4 }, "Tanh", "Linear"], "data": "csv:plane.csv", "batch_size": 40 }""");
        var found = (await RunAsync("find-lr --job job.json --data-root sets --steps 60 --output json --run-dir run")).Last("found");
        Assert.InRange(found.GetProperty("lr").GetDouble(), 1e-4, 1);
        Assert.True(File.Exists(found.GetProperty("picture").GetString()));
        Assert.True(File.ReadAllLines(Path.Combine(folder.Folder, "run", "learning-rate.csv")).Length > 20);
    }

    [Fact]
    public async Task What_does_not_fit_a_saved_model_is_one_line()
    {
        folder.Write("kinds.csv", Rows("a,b,kind", (a, b) => a > b ? "x" : "y"));
        folder.Write("other.csv", "c,kind\n1,x\n2,y\n");
        folder.Write("broken.csv", "a,b\n" + string.Concat(Enumerable.Repeat("1,2\n", 300)) + "oops,2\n");
        await RunAsync($"local --data csv:kinds.csv {Small} --max-steps 2");
        await RefusedAsync("evaluate --checkpoint run --data csv:other.csv", "other.csv", "'a'");
        await RefusedAsync("evaluate --checkpoint run --data digits:10", "float32 [1, 28, 28]", "float32 [2]");
        await RefusedAsync("evaluate --checkpoint run --metrics r2", "metric was 'r2'", "accuracy");
        await RefusedAsync("evaluate --checkpoint run --loss mse", "loss was MSELoss", "cross-entropy");
        await RefusedAsync("predict --checkpoint run --data csv:missing.csv", "missing.csv", "no such file");
        await RefusedAsync("predict --checkpoint run --out /proc/nowhere/p.csv", "--out was '/proc/nowhere/p.csv'", "can be written to");
        await RefusedAsync("predict --checkpoint run --data csv:broken.csv?header=yes --out p.csv", "broken.csv, line 302", "'oops'");
        Assert.Empty(Directory.GetFiles(folder.Folder, "p.csv*"));
        await RefusedAsync("predict --checkpoint nothing.safetensors", "nothing.safetensors", "no such file");
    }

    [Fact]
    public async Task Predictions_that_are_broken_off_leave_no_half_a_table_and_end_quietly_where_nobody_reads_them()
    {
        folder.Write("kinds.csv", Rows("a,b,kind", (a, b) => a > b ? "x" : "y"));
        folder.Write("many.csv", "a,b\n" + string.Concat(Enumerable.Repeat("1,2\n", 50_000)));
        await RunAsync("local --data csv:kinds.csv --model mlp-wide --max-steps 1 --run-dir run");
        using var predict = new CommandProcess(folder.Folder, "predict --checkpoint run --data csv:many.csv --out p.csv");
        Assert.True(SpinWait.SpinUntil(() => Directory.GetFiles(folder.Folder, "p.csv*.tmp").Length > 0 || predict.HasEnded, TimeSpan.FromMinutes(1)));
        predict.Send(PosixSignal.SIGINT);
        var result = await predict.EndAsync();
        Assert.Equal((130, "", ""), (result.ExitCode, result.Output, result.Errors));
        Assert.Empty(Directory.GetFiles(folder.Folder, "p.csv*"));
    }

    [SkippableFact]
    public async Task A_table_goes_to_who_reads_its_first_lines_only_and_a_full_disk_is_told_of()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "a shell and /dev/full");
        folder.Write("kinds.csv", Rows("a,b,kind", (a, b) => a > b ? "x" : "y"));
        await RunAsync($"local --data csv:kinds.csv {Small} --max-steps 2");
        string predict = $"'{CommandProcess.Dotnet}' exec '{Path.Combine(AppContext.BaseDirectory, "DistTrain.Coordinator.dll")}' predict --checkpoint run --data csv:kinds.csv";
        Assert.Equal((0, "row,class,p_x,p_y\n", ""), await ShellAsync($"set -o pipefail; {predict} | head -1"));
        Assert.Equal((2, "", "stdout, expected a file that can be written to: No space left on device\n"), await ShellAsync($"{predict} > /dev/full"));
    }

    [Theory]
    [InlineData("evaluate", "--checkpoint is missing", "a run's folder")]
    [InlineData("predict --checkpoint x --model mlp", "--model needs --data", "together")]
    [InlineData("local --loss cross-entropi", "loss was 'cross-entropi'", "did you mean cross-entropy?")]
    [InlineData("local --loss mse", "loss was MSELoss", "expected cross-entropy")]
    [InlineData("local --metrics f1,acuracy", "metric was 'acuracy'", "did you mean accuracy?")]
    [InlineData("local --metrics top-11", "metric was 'top-11'", "top-10")]
    [InlineData("local --class-weights 1,2", "class weights were '1,2'", "10")]
    [InlineData("local --class-weights balance", "class weights were 'balance'", "balanced")]
    [InlineData("local --early-stop-patience 0", "--early-stop-patience was '0'", "from 1")]
    [InlineData("local --early-stop-metric mae --early-stop-patience 3", "metric was 'mae'", "accuracy")]
    [InlineData("local --early-stop-min-delta 0.1", "early-stop-min-delta was 0.1", "early-stop-patience")]
    [InlineData("local --schedule plateau:2", "schedule 'plateau:2'", "below 1")]
    [InlineData("local --schedule plateau --consistency local:2", "plateau", "local:<H>")]
    [InlineData("find-lr --from 1 --to 0.1", "from 1 to 0.1", "higher")]
    public Task Wrong_input_is_one_line(string arguments, string given, string allowed) => RefusedAsync(arguments, given, allowed);

    private async Task<CommandResult> RunAsync(string arguments)
    {
        var result = await CommandProcess.RunInAsync(folder.Folder, arguments);
        Assert.True(result.ExitCode == 0, $"{arguments}: {result.ExitCode}: {result.Errors}");
        return result;
    }

    private async Task RefusedAsync(string arguments, string given, string allowed)
    {
        var result = await CommandProcess.RunInAsync(folder.Folder, arguments);
        Assert.True(result.ExitCode == 2, $"{arguments}: exit code {result.ExitCode}: {result.Output}{result.Errors}");
        Assert.Empty(result.Output);
        string line = Assert.Single(result.ErrorLines);
        Assert.Contains(given, line, StringComparison.Ordinal);
        Assert.Contains(allowed, line, StringComparison.Ordinal);
    }

    private async Task<(int, string, string)> ShellAsync(string line)
    {
        using var shell = Process.Start(new ProcessStartInfo("bash", ["-c", line]) { WorkingDirectory = folder.Folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, errors) = (shell.StandardOutput.ReadToEndAsync(), shell.StandardError.ReadToEndAsync());
        await shell.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        return (shell.ExitCode, await output, await errors);
    }

    private static string Rows(string header, Func<double, double, string> target)
    {
        var random = new Random(5);
        var text = new StringBuilder(header).Append('\n');
        for (int i = 0; i < 400; i++)
        {
            double a = Math.Round(random.NextDouble() * 4 - 2, 3), b = Math.Round(random.NextDouble() * 4 - 2, 3);
            text.Append(CultureInfo.InvariantCulture, $"{a},{b},{target(a, b)}\n");
        }
        return text.ToString();
    }
}
