using System.Globalization;
using DistTrain.Data;
using DistTrain.Training.Files;

namespace DistTrain.Training;

/// <summary>Weights of classes, so that rare ones are not passed over.</summary>
public static class ClassWeights
{
    /// <summary>How they are written.</summary>
    public const string Usage = "balanced, or a number of 0 or more for each class with commas between them";

    private const string Balanced = "balanced";
    private const int Chunk = 1024;

    /// <summary>Gives a loss its weights.</summary>
    /// <param name="text">As <see cref="Usage"/> says. <c>balanced</c> is n / (classes · n_c), as scikit-learn's; for yes or no the weight of positives: negatives / positives, or the second given weight over the first.</param>
    /// <param name="loss">The loss.</param>
    /// <param name="data">What is known of the data.</param>
    /// <param name="train">The training samples.</param>
    /// <exception cref="UserErrorException">The text is something else, has another number of classes, or the loss has no classes or has weights already.</exception>
    public static LossOptions Apply(string text, LossOptions loss, DataCard data, IDataset train) => loss switch
    {
        CrossEntropyOptions { Weight: null } classes => classes with { Weight = Of(text, isLabels: false, NamedLosses.Outputs(loss, data), train, classes.IgnoreIndex) },
        NllOptions { Weight: null } classes => classes with { Weight = Of(text, isLabels: false, NamedLosses.Outputs(loss, data), train, classes.IgnoreIndex) },
        BceOptions { PosWeight: null } labels => labels with { PosWeight = Of(text, isLabels: true, NamedLosses.Outputs(loss, data), train) },
        CrossEntropyOptions or NllOptions or BceOptions => throw new UserErrorException($"class weights were '{text}', but loss {loss} has weights of its own; expected one or the other"),
        _ => throw new UserErrorException($"class weights were '{text}', but loss {loss} has no classes; CrossEntropyLoss, NLLLoss and BCEWithLogitsLoss do"),
    };

    /// <summary>Finds weights.</summary>
    /// <param name="text">As <see cref="Usage"/> says.</param>
    /// <param name="isLabels">Whether targets are yes or no, and not classes.</param>
    /// <param name="outputs">Classes or labels.</param>
    /// <param name="train">The training samples.</param>
    /// <param name="ignored">A label that does not count; null for none.</param>
    /// <exception cref="UserErrorException">The text is something else, has another number of classes, or a sample's class is none of them.</exception>
    public static float[] Of(string text, bool isLabels, int outputs, IDataset train, long? ignored = null)
    {
        bool isBalanced = string.Equals(text.Trim(), Balanced, StringComparison.OrdinalIgnoreCase);
        if (!isBalanced) return Given(text, isLabels, outputs);
        var counts = Count(train, outputs, isLabels, ignored);
        if (!isLabels)
        {
            long counted = counts.Sum();
            return [.. counts.Select(n => n == 0 ? 0f : (float)((double)counted / (outputs * (double)n)))];
        }
        int empty = Array.FindIndex(counts, n => n == 0 || n == train.Count);
        if (empty >= 0) throw new UserErrorException($"class weights balanced: label {empty} is {(counts[empty] == 0 ? "no" : "yes")} in all {train.Count} training samples, expected some of both");
        return [.. counts.Select(n => (float)((train.Count - n) / (double)n))];
    }

    private static float[] Given(string text, bool isLabels, int outputs)
    {
        string[] parts = text.Split(',');
        var weights = new float[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!float.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out weights[i]) || !(weights[i] >= 0) || float.IsInfinity(weights[i]))
                throw new UserErrorException($"class weights were '{text}': '{parts[i]}' is no number of 0 or more; expected {Usage}");
        }
        if (isLabels && outputs == 1 && weights.Length == 2)
            return weights[0] > 0 ? [weights[1] / weights[0]] : throw new UserErrorException($"class weights were '{text}', expected more than 0 for the first of yes or no: the second is taken relative to it");
        if (weights.Length != outputs) throw new UserErrorException($"class weights were '{text}', {weights.Length} numbers; expected {(isLabels && outputs == 1 ? "2" : $"{outputs}")}, one for each class, or balanced");
        return weights;
    }

    /// <summary>How often each class occurs, or each label is yes, in training as evaluation reads it.</summary>
    private static long[] Count(IDataset train, int outputs, bool isLabels, long? ignored)
    {
        var counts = new long[outputs];
        SampleBuffer inputs = new(train.Inputs, Chunk), targets = new(train.Targets, Chunk);
        for (int start = 0; start < train.Count; start += Chunk)
        {
            int count = Math.Min(Chunk, train.Count - start);
            train.Read(ReadContext.Evaluation, [.. Enumerable.Range(start, count)], inputs.Span(count), targets.Span(count));
            int length = count * train.Targets.Length;
            for (int i = 0; i < length; i++)
            {
                if (isLabels)
                {
                    if (targets.Float32(count).Span[i] > 0.5f) counts[i % outputs]++;
                    continue;
                }
                long label = targets.Int64(count).Span[i];
                if (label == ignored) continue;
                if (label < 0 || label >= outputs) throw new UserErrorException($"class weights balanced: training sample {start + (i / train.Targets.Length)} has class {label}, expected 0 to {outputs - 1}");
                counts[label]++;
            }
        }
        return counts;
    }
}
