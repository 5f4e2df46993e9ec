using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using DistTrain.Nn.Models;

namespace DistTrain.Benchmarks.Processes;

/// <summary>Where the processes of a measured job run, and with which further options.</summary>
/// <param name="Workers">Workers, each a process.</param>
/// <param name="ServeOptions">Further options of <c>serve</c>.</param>
/// <param name="JoinOptions">Further options of <c>join</c>.</param>
/// <param name="Host">The address that the coordinator listens on.</param>
/// <param name="CoordinatorSpace">The coordinator's network namespace; null for this one.</param>
/// <param name="WorkerSpace">The workers' namespace; null for this one.</param>
internal sealed record Place(int Workers, string ServeOptions = "", string JoinOptions = "", string Host = "127.0.0.1", string? CoordinatorSpace = null, string? WorkerSpace = null);

/// <summary>What was measured.</summary>
/// <param name="SecondsPerStep">The best round's.</param>
/// <param name="Batch">The global batch.</param>
/// <param name="Started">The event <c>started</c>.</param>
/// <param name="Ended">The last event.</param>
/// <param name="Warning">The first event <c>warning</c>; null for none.</param>
internal sealed record Served(double SecondsPerStep, int Batch, JsonElement Started, JsonElement Ended, JsonElement? Warning);

/// <summary>A named workload under <c>serve</c> and <c>join</c>, the commands themselves: warm-up, then rounds of at least a given time by the coordinator's events; the best one counts.</summary>
internal static partial class ServedJob
{
    private const int Rounds = 10;

    /// <summary>Runs it.</summary>
    public static async Task<Served> RunAsync(string workload, Place place, double warmUpSeconds = 6, double roundSeconds = 1)
    {
        var named = NamedModels.Find(workload);
        int batch = named.BatchPerWorker * place.Workers;
        string folder = Directory.CreateTempSubdirectory("disttrain-benchmark-").FullName;
        var children = new List<Child>();
        try
        {
            string job = $"--model {workload} --batch-size {batch} --shards {place.Workers} --drop-last --epochs 1000000 {Data(workload, batch, folder)} {Optimizer(workload)}";
            var serve = new Child(
                "DistTrain.Coordinator.dll", $"serve --host {place.Host} --port 0 --min-workers {place.Workers} {job} --output json --log-every {LogEvery(workload)} --run-dir {folder}/run {place.ServeOptions}", place.CoordinatorSpace);
            children.Add(serve);
            string port = PortOf().Match(await serve.ErrorWithAsync("listening on", TimeSpan.FromSeconds(60))).Groups[1].Value;
            for (int i = 0; i < place.Workers; i++) children.Add(new Child("DistTrain.Worker.dll", $"join --coordinator {place.Host}:{port} --name worker-{i} {place.JoinOptions}", place.WorkerSpace));
            var served = await MeasureAsync(serve, batch, warmUpSeconds, roundSeconds);
            foreach (var child in children) child.WaitForExit(TimeSpan.FromSeconds(20));
            return served;
        }
        finally
        {
            foreach (var child in children) child.Dispose();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<Served> MeasureAsync(Child serve, int batch, double warmUpSeconds, double roundSeconds)
    {
        JsonElement started = default, last = default;
        JsonElement? warning = null;
        double best = double.MaxValue;
        (long Time, long Step) began = default;
        long first = 0;
        int round = 0;
        await foreach (var (time, line) in serve.EventsAsync())
        {
            last = line;
            string kind = line.GetProperty("event").GetString()!;
            if (kind == "started") started = line;
            if (kind == "warning") warning ??= line;
            if (kind == "failed") break;
            if (kind != "step" || round == Rounds) continue;
            long step = line.GetProperty("step").GetInt64();
            // Three processes that are just-in-time compiled at the same time take some seconds to come to speed.
            if (first == 0) first = time;
            if (Stopwatch.GetElapsedTime(first, time).TotalSeconds < warmUpSeconds) continue;
            double elapsed = Stopwatch.GetElapsedTime(began.Time, time).TotalSeconds;
            if (began.Time != 0 && elapsed < roundSeconds) continue;
            if (began.Time != 0)
            {
                best = Math.Min(best, elapsed / (step - began.Step));
                if (++round == Rounds) serve.Interrupt();
            }
            began = (time, step);
        }
        if (best == double.MaxValue || !last.TryGetProperty("weights_sha256", out _)) throw new InvalidOperationException($"the run ended early: {(last.ValueKind == JsonValueKind.Undefined ? "" : last.GetRawText())} {serve.Errors}");
        return new Served(best, batch, started, last, warning);
    }

    private static string Data(string workload, int batch, string folder)
    {
        if (workload != "char-gpt") return $"--data digits:{Math.Max(1, 8192 / batch) * batch},0";
        var random = new Random(1);
        var text = new StringBuilder();
        for (int i = 0; i < 4_000_000; i++) text.Append((char)('0' + random.Next(65)));
        string file = Path.Combine(folder, "text.txt");
        File.WriteAllText(file, text.ToString());
        return $"--data text:{file}";
    }

    private static string Optimizer(string workload) => workload == "char-gpt" ? "--optimizer adamw --lr 0.001" : "--optimizer sgd --lr 0.01 --momentum 0.9";

    private static string LogEvery(string workload) => (workload == "mlp" ? 20 : workload == "char-gpt" ? 1 : 2).ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"listening on [^ ]*:(\d+)")]
    private static partial Regex PortOf();
}
