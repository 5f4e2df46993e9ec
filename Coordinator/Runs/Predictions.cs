using System.Collections.Immutable;
using System.Globalization;
using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator.Runs;

/// <summary>Predictions as CSV: a header, then a line for each sample, which its number from 1 begins.</summary>
internal sealed class Predictions
{
    private readonly SavedModel saved;
    private readonly LearningTask task;
    private readonly ImmutableArray<string> names;

    private Predictions(SavedModel saved, LearningTask task, ImmutableArray<string> names) => (this.saved, this.task, this.names) = (saved, task, names);

    /// <summary>The columns of a model.</summary>
    /// <exception cref="UserErrorException">It predicts a token at each place of a text.</exception>
    public static Predictions Of(SavedModel saved)
    {
        var card = saved.Data;
        if (card.Vocabulary is not null || (card.TargetType == ElementType.Int64 && !card.TargetShape.IsEmpty)) throw new UserErrorException($"{saved.File}: model {saved.Job.Model} goes on with texts, which predict does not; generate does");
        var task = saved.Loss.Task;
        int outputs = task != LearningTask.Classes ? card.Targets.Length : card.Classes > 0 ? card.Classes : throw new UserErrorException($"{saved.File}: the data {card.Name} does not say how many classes it has, expected a data set whose Classes are set");
        IReadOnlyList<string> known = task switch
        {
            LearningTask.Classes => card.ClassNames ?? [],
            LearningTask.Labels when outputs == 1 => card.Table is { Classes.Length: 2 } table ? table.Classes : ["0", "1"],
            _ => card.Table?.Targets ?? [],
        };
        string prefix = task is LearningTask.Classes ? "" : task is LearningTask.Labels ? "label_" : "value_";
        int count = task == LearningTask.Labels && outputs == 1 ? 2 : outputs;
        return new Predictions(saved, task, [.. Enumerable.Range(0, count).Select(i => i < known.Count ? known[i] : $"{prefix}{(outputs == 1 && task == LearningTask.Regression ? "" : i.ToString(CultureInfo.InvariantCulture))}".TrimEnd('_'))]);
    }

    private bool IsBinary => task == LearningTask.Labels && saved.Data.Targets.Length == 1;

    /// <summary>Writes the predictions of data.</summary>
    /// <param name="data">The data.</param>
    /// <param name="write">Takes the lines, some at a time.</param>
    /// <param name="progress">Told how many samples are done.</param>
    public void Write(IDataset data, Action<string> write, Action<int>? progress)
    {
        var writer = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        writer.WriteLine(string.Join(',', Header().Select(Quoted)));
        int row = 0;
        new Evaluator(saved.Model, data) { Progress = progress }.Run((count, output, _) =>
        {
            var scores = task switch
            {
                LearningTask.Classes => output.Softmax(-1),
                LearningTask.Labels => output.Sigmoid(),
                _ => output,
            };
            ReadOnlySpan<float> values = scores.Contiguous().Span, raw = output.Contiguous().Span;
            int width = values.Length / count;
            for (int i = 0; i < count; i++)
            {
                writer.Write((++row).ToString(CultureInfo.InvariantCulture));
                Row(writer, values.Slice(i * width, width), raw.Slice(i * width, width));
                writer.WriteLine();
            }
            write(writer.ToString());
            writer.GetStringBuilder().Clear();
        });
    }

    private IEnumerable<string> Header() => task switch
    {
        LearningTask.Classes => ["row", "class", .. names.Select(name => $"p_{name}")],
        LearningTask.Labels when IsBinary => ["row", "class", $"p_{names[1]}"],
        LearningTask.Labels => ["row", .. names, .. names.Select(name => $"p_{name}")],
        _ => ["row", .. names],
    };

    private void Row(TextWriter writer, ReadOnlySpan<float> values, ReadOnlySpan<float> raw)
    {
        if (task == LearningTask.Classes) Field(writer, Quoted(names[Reduce.ArgMax(raw)]));
        else if (IsBinary) Field(writer, Quoted(names[raw[0] > 0 ? 1 : 0]));
        else if (task == LearningTask.Labels)
            for (int i = 0; i < raw.Length; i++) Field(writer, Quoted(Answer(i, raw[i] > 0)));
        foreach (float value in values) Field(writer, value.ToString("R", CultureInfo.InvariantCulture));
    }

    /// <summary>A label as the table writes it that the model was trained on.</summary>
    private string Answer(int label, bool isYes) => saved.Data.Table is { Task: TableTask.Binary } table ? table.Classes[2 * label + (isYes ? 1 : 0)] : isYes ? "1" : "0";

    private static void Field(TextWriter writer, string text)
    {
        writer.Write(',');
        writer.Write(text);
    }

    /// <summary>As RFC 4180 has it.</summary>
    private static string Quoted(string text) => text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
