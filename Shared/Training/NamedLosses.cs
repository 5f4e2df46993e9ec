using System.Collections.Immutable;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Training.Files;

namespace DistTrain.Training;

/// <summary>Short names of losses, and which loss goes with which data.</summary>
public static class NamedLosses
{
    /// <summary>What stands for the usual loss of the data's targets.</summary>
    public const string Auto = "auto";

    private static readonly ImmutableArray<(string Name, string Type)> Short =
        [("cross-entropy", "CrossEntropyLoss"), ("bce", "BCEWithLogitsLoss"), ("mse", "MSELoss"), ("l1", "L1Loss"), ("huber", "HuberLoss"), ("smooth-l1", "SmoothL1Loss")];

    /// <summary>The short names, and <see cref="Auto"/>; the names of <see cref="LossOptions.All"/> are known too.</summary>
    public static ImmutableArray<string> Names { get; } = [Auto, .. Short.Select(loss => loss.Name)];

    /// <summary>The name in <see cref="LossOptions.All"/> that is meant; null for <see cref="Auto"/>.</summary>
    /// <exception cref="UserErrorException">There is no such loss.</exception>
    public static string? Resolve(string text)
    {
        string plain = text.Trim().ToLowerInvariant().Replace('_', '-');
        if (plain == Auto) return null;
        return Short.FirstOrDefault(loss => loss.Name == plain).Type
            ?? LossOptions.All.Select(loss => loss.Name).FirstOrDefault(name => string.Equals(name, text.Trim(), StringComparison.OrdinalIgnoreCase))
            ?? throw new UserErrorException($"loss was '{text}', expected one of {string.Join(", ", Names)} or {string.Join(", ", LossOptions.All.Select(loss => loss.Name))}{Suggestion.Hint(plain, Names)}");
    }

    /// <summary>The loss for data of these targets.</summary>
    /// <param name="asked">What was asked for; null for the usual: cross-entropy for classes and tokens, binary cross-entropy for yes or no, squares for numbers.</param>
    /// <param name="data">The data.</param>
    /// <exception cref="UserErrorException">The loss is not for such targets, or an argument of it is out of range.</exception>
    public static LossOptions For(LossOptions? asked, DataCard data)
    {
        bool hasLabels = data.TargetType == ElementType.Int64, isBinary = data.Table is { Task: TableTask.Binary };
        var found = asked ?? (hasLabels ? new CrossEntropyOptions() : isBinary ? new BceOptions() : new MseOptions());
        Loss loss;
        try
        {
            loss = found.Create();
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException($"loss: {error.Message}", error);
        }
        if (hasLabels == (loss.Task == LearningTask.Classes) || loss.Task == LearningTask.Other)
        {
            CheckWeights(found, data);
            return found;
        }
        throw new UserErrorException(hasLabels
            ? $"loss was {found}, which takes numbers or yes and no; data {data.Name} has {(data.Classes > 0 ? $"{data.Classes} classes" : $"{data.Targets} targets")}: expected cross-entropy (or, for a table, task=regression or task=binary)"
            : $"loss was {found}, which tells classes apart; data {data.Name} has {data.Targets} targets: expected {(isBinary ? "bce" : "mse, l1, huber, smooth-l1 or bce")} (or, for a table, task=classification)");
    }

    /// <summary>A loss's weights are as many as classes, or as outputs, of which one weight may be for all.</summary>
    private static void CheckWeights(LossOptions loss, DataCard data)
    {
        var (name, weights, expected) = loss switch
        {
            CrossEntropyOptions { Weight: { } given } => ("weight", given, data.Classes),
            NllOptions { Weight: { } given } => ("weight", given, data.Classes),
            BceOptions { PosWeight: { Count: not 1 } given } => ("pos_weight", given, data.Targets.Shape.IsEmpty ? 1 : data.Targets.Shape[^1]),
            _ => ("", [], 0),
        };
        if (expected > 0 && weights.Count != expected)
            throw new UserErrorException($"loss {loss}: {name} has {weights.Count} numbers, expected {expected}, one for each {(name == "weight" ? "class" : "target")} of data {data.Name}");
    }

    /// <summary>Outputs that a model needs for a loss: classes or tokens, or the targets of a sample.</summary>
    /// <exception cref="UserErrorException">The data does not say how many classes it has.</exception>
    public static int Outputs(LossOptions loss, DataCard data)
    {
        if (loss is not (CrossEntropyOptions or NllOptions)) return data.Targets.Length;
        return data.Classes > 0 ? data.Classes : throw new UserErrorException($"loss {loss} tells classes apart, data {data.Name} has {data.Targets} targets without classes");
    }
}
