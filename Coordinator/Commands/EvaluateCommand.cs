using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistTrain.Coordinator.Output;
using DistTrain.Coordinator.Runs;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary><c>evaluate</c>: loss and metrics of a trained model.</summary>
internal static class EvaluateCommand
{
    private const string Summary = "Measures a trained model: loss, metrics, figures of each class. The file of the model says what it is, so that nothing has to be repeated.";
    private const int MostShown = 20;

    private static readonly IReadOnlyList<Setting<EvaluateOptions>> Settings =
    [
        .. EvaluateSettings.Rows,
        new("metrics", "<names>", "Output", $"What is measured: {MetricCatalog.Usage}. Default: as in training.", (options, given) => options with { Metrics = given.NotEmpty(MetricCatalog.Usage).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) }) { IsInAppSettings = false },
        new("output", "<format>", "Output", "text or json. Default: text.", (options, given) => options with { Json = given.OneOf(["text", "json"]) == "json" }),
    ];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("evaluate", "Measures a trained model on data.");
        var options = new SettingOptions<EvaluateOptions>(command, Settings, Summary);
        command.SetAction((parsed, _) => Task.FromResult(Run(options.Bind(parsed, new EvaluateOptions()))));
        return command;
    }

    private static int Run(EvaluateOptions options)
    {
        var saved = options.Open();
        var data = SavedData.Open(saved, options.Trained, options.Part, withTargets: true);
        var (loss, metrics) = options.Measures(saved, data, Console.Error.WriteLine);
        var found = new Evaluator(saved.Model, data) { Progress = EvaluateSettings.Progress(data.Count) }.Measure(loss, metrics);
        if (options.Json) WriteJson(saved, data.Name, loss.Name, found);
        else foreach (string line in Lines(saved, data.Name, loss.Name, found)) Console.WriteLine(line);
        return ExitCode.Done;
    }

    private static IEnumerable<string> Lines(SavedModel saved, string data, string loss, MetricSum found)
    {
        var report = found.Metrics!;
        yield return $"{saved.Job.Model}{(saved.Step is { } step ? $" after {TextLines.Plural(step, "step")}" : "")} on {TextLines.Plural(found.Samples, "sample")} of {data}";
        yield return "";
        int width = Math.Max(8, report.Values.Select(value => value.Metric.Name.Length).DefaultIfEmpty(0).Max());
        yield return $"{"loss".PadRight(width)}  {TextLines.Loss(found.Loss)}  ({loss})";
        foreach (var (metric, value) in report.Values) yield return $"{metric.Name.PadRight(width)}  {TextLines.Metric(metric, value)}";
        if (report.Classes.Length is > 0 and <= MostShown)
        {
            int name = Math.Max(5, report.Classes.Max(c => c.Name.Length));
            yield return "";
            yield return $"{"class".PadRight(name)}  precision    recall        f1   samples";
            foreach (var one in report.Classes) yield return $"{one.Name.PadRight(name)}  {TextLines.Accuracy(one.Precision),9}  {TextLines.Accuracy(one.Recall),8}  {TextLines.Accuracy(one.F1),8}  {TextLines.Count(one.Support),8}";
        }
        if (report.Confusion is not { Names.Length: <= MostShown } matrix) yield break;
        int n = matrix.Names.Length, cell = Math.Max(matrix.Names.Max(name => name.Length), matrix.Counts.Max().ToString(CultureInfo.InvariantCulture).Length) + 2, first = Math.Max(14, matrix.Names.Max(name => name.Length));
        yield return "";
        yield return "true \\ predicted".PadRight(first) + string.Concat(matrix.Names.Select(name => name.PadLeft(cell)));
        for (int i = 0; i < n; i++) yield return matrix.Names[i].PadRight(Math.Max(first, "true \\ predicted".Length)) + string.Concat(Enumerable.Range(0, n).Select(j => matrix[i, j].ToString(CultureInfo.InvariantCulture).PadLeft(cell)));
    }

    private static void WriteJson(SavedModel saved, string data, string loss, MetricSum found)
    {
        var report = found.Metrics!;
        using var stream = Console.OpenStandardOutput();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WriteString("event", "evaluated");
            writer.WriteString("model", saved.Job.Model);
            writer.WriteString("weights", Path.GetFullPath(saved.File));
            if (saved.Step is { } step) writer.WriteNumber("step", step);
            writer.WriteString("data", data);
            writer.WriteNumber("samples", found.Samples);
            writer.WriteString("loss_name", loss);
            Number(writer, "loss", found.Loss);
            writer.WriteStartObject("metrics");
            foreach (var (metric, value) in report.Values) Number(writer, metric.Key, value);
            writer.WriteEndObject();
            if (!report.Classes.IsEmpty)
            {
                writer.WriteStartArray("classes");
                foreach (var one in report.Classes)
                {
                    writer.WriteStartObject();
                    writer.WriteString("class", one.Name);
                    writer.WriteNumber("precision", one.Precision);
                    writer.WriteNumber("recall", one.Recall);
                    writer.WriteNumber("f1", one.F1);
                    writer.WriteNumber("samples", one.Support);
                    writer.WriteEndObject();
                }
                writer.WriteEndArray();
            }
            if (report.Confusion is { } matrix)
            {
                writer.WriteStartArray("confusion");
                for (int i = 0; i < matrix.Names.Length; i++)
                {
                    writer.WriteStartArray();
                    for (int j = 0; j < matrix.Names.Length; j++) writer.WriteNumberValue(matrix[i, j]);
                    writer.WriteEndArray();
                }
                writer.WriteEndArray();
            }
            writer.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
    }

    private static void Number(Utf8JsonWriter writer, string name, double value)
    {
        if (double.IsFinite(value)) writer.WriteNumber(name, value);
        else writer.WriteNull(name);
    }
}
