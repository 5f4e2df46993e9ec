using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using DistTrain.Training.Files;
using Spectre.Console;

namespace DistTrain.Coordinator.Checking;

/// <summary>Tells what <c>check</c> found, as a table or as one JSON event.</summary>
internal static class CheckOutput
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A table of the layers, then a line for each figure.</summary>
    public static void WriteText(JobReport report, IAnsiConsole console)
    {
        var (job, plan, model) = (report.Job, report.Plan, report.Model);
        var table = new Table().Border(TableBorder.Minimal).AddColumn("layer").AddColumn("module").AddColumn("output of a sample").AddColumn(new TableColumn("parameters").RightAligned());
        table.AddRow("input", "", Shape(job.Data.Train.Inputs.Shape), "");
        foreach (var layer in model.Layers) table.AddRow(Markup.Escape(layer.Name), Markup.Escape(layer.Text), layer.Output is { } shape ? Shape(shape) : "–", layer.Parameters == 0 ? "" : Number(layer.Parameters));
        console.Write(table);
        Line("job", $"{job.Name}: {job.Data.Name}, {Number(plan.TrainCount)} samples to train on, {Number(plan.TestCount)} to test on");
        Line("training", $"{job.Loss.Name}, {job.Optimizer.Name}, learning rate {job.LearningRate.ToString(CultureInfo.InvariantCulture)}, batch {plan.GlobalBatch} in {plan.Pieces} pieces, {Number(plan.TotalSteps)} steps in {plan.Epochs} epochs");
        Line("parameters", $"{Number(model.Layout.ParameterCount)}, {Bytes(model.WeightBytes)} with buffers and padding");
        Line("memory", $"{Bytes(model.TotalBytes(report.Workers))} with {Workers(report)}: twice the weights, {Bytes(model.StateBytes)} optimizer state, and for each worker {Bytes(model.WeightBytes)} gradient and {Bytes(model.ActivationBytes)} activations of {model.PieceSamples} samples; data not counted");
        Line("network", $"{Bytes(report.BytesPerStep)} a step with {Workers(report)} in processes of their own");
        Line("first loss", model.InitialLoss.ToString("0.####", CultureInfo.InvariantCulture));
        if (report.Determinism is { } found)
        {
            Line("bits", found.Difference is { } what ? $"BROKEN: {what}"
                : $"the same in {found.Steps} steps, run twice with 1 worker and twice with 2, in {found.Shards} shards; weights {found.Weights![..12]}");
        }

        void Line(string name, string text) => console.Profile.Out.Writer.WriteLine($"{name,-12}{text}");
    }

    /// <summary>The event <c>checked</c>.</summary>
    public static void WriteJson(JobReport report, TextWriter output)
    {
        var (job, plan, model) = (report.Job, report.Plan, report.Model);
        var line = new JsonObject
        {
            ["event"] = "checked", ["job"] = job.Name, ["data"] = job.Data.Name, ["train_samples"] = plan.TrainCount, ["test_samples"] = plan.TestCount, ["loss"] = job.Loss.Name, ["optimizer"] = job.Optimizer.Name,
            ["learning_rate"] = job.LearningRate, ["batch_size"] = plan.BatchSize, ["shards"] = plan.Shards, ["epochs"] = plan.Epochs, ["steps"] = plan.TotalSteps,
            ["input"] = new JsonArray([.. job.Data.Train.Inputs.Shape.Select(size => JsonValue.Create(size))]),
            ["layers"] = new JsonArray([.. model.Layers.Select(layer => new JsonObject
            {
                ["name"] = layer.Name, ["type"] = layer.Text, ["output"] = layer.Output is { } shape ? new JsonArray([.. shape.Select(size => JsonValue.Create(size))]) : null, ["parameters"] = layer.Parameters,
            })]),
            ["parameters"] = model.Layout.ParameterCount, ["workers"] = report.Workers, ["weight_bytes"] = model.WeightBytes, ["optimizer_bytes"] = model.StateBytes, ["activation_bytes"] = model.ActivationBytes,
            ["memory_bytes"] = model.TotalBytes(report.Workers), ["bytes_per_step"] = report.BytesPerStep, ["initial_loss"] = double.IsFinite(model.InitialLoss) ? model.InitialLoss : null,
        };
        if (report.Determinism is { } found)
        {
            var bits = new JsonObject { ["same_bits"] = found.Difference is null, ["steps"] = found.Steps, ["shards"] = found.Shards };
            if (found.Weights is not null) bits["weights_sha256"] = found.Weights;
            if (found.Difference is not null) (bits["difference"], bits["step"], bits["parameter"]) = (found.Difference, found.Step, found.Parameter);
            line["determinism"] = bits;
        }
        output.WriteLine(line.ToJsonString(Plain));
    }

    /// <summary>The event <c>failed</c> of a job that is not right.</summary>
    public static void WriteProblems(IEnumerable<JobProblem> problems, TextWriter output) => output.WriteLine(new JsonObject
    {
        ["event"] = "failed", ["error"] = "the job is wrong",
        ["problems"] = new JsonArray([.. problems.Select(problem => new JsonObject { ["file"] = problem.File, ["line"] = problem.Line, ["column"] = problem.Column, ["path"] = problem.Path, ["message"] = problem.Message })]),
    }.ToJsonString(Plain));

    private static string Shape(IEnumerable<int> shape) => Markup.Escape($"[{string.Join(", ", shape)}]");

    private static string Workers(JobReport report) => report.Workers == 1 ? "1 worker" : $"{report.Workers} workers";

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Bytes(long value) => value switch
    {
        < 10_000 => FormattableString.Invariant($"{value} B"),
        < 10_000_000 => FormattableString.Invariant($"{value / 1024.0:0.0} KiB"),
        _ => FormattableString.Invariant($"{value / 1048576.0:0.0} MiB"),
    };
}
