using DistTrain.Benchmarks.Processes;
using DistTrain.Nn.Models;

namespace DistTrain.Benchmarks.Commands;

/// <summary><c>processes</c>: the named workloads with coordinator and workers in processes of their own, by the commands <c>serve</c> and <c>join</c> themselves.</summary>
internal static class ProcessesCommand
{
    private const string Usage = "processes [workload...] [--workers n] [--options \"options of serve\"]: workloads are mlp, mlp-wide, cnn, char-gpt";

    public static int Run(string[] args)
    {
        int workers = 2;
        string options = "";
        var names = new List<string>();
        for (int i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal)) names.Add(args[i]);
            else if (args[i] == "--workers" && i + 1 < args.Length && int.TryParse(args[i + 1], out workers) && workers > 0) i++;
            else if (args[i] == "--options" && i + 1 < args.Length) options = args[++i];
            else
            {
                Console.Error.WriteLine(Usage);
                return 2;
            }
        }
        foreach (string name in names.Count > 0 ? names : ["mlp", "mlp-wide", "cnn", "char-gpt"])
        {
            var served = ServedJob.RunAsync(name, new Place(workers, options)).GetAwaiter().GetResult();
            Measure.Print(
                ("workload", name), ("processes", workers + 1), ("workers", workers), ("threads", 1), ("numerics", served.Started.GetProperty("numerics").GetString()), ("batch_per_process", NamedModels.Find(name).BatchPerWorker),
                ("parameters", served.Started.GetProperty("parameters").GetInt64()), ("bytes_per_step", served.Started.GetProperty("bytes_per_step").GetInt64()),
                ("ms_per_step", served.SecondsPerStep * 1e3), ("samples_per_s", served.Batch / served.SecondsPerStep),
                ("steps", served.Ended.GetProperty("steps").GetInt64()), ("weights_sha256", served.Ended.GetProperty("weights_sha256").GetString()));
        }
        return 0;
    }
}
