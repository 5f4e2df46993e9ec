using System.Text;
using DistTrain.Coordinator.Commands;
using DistTrain.Data;

namespace DistTrain.Coordinator.Runs;

/// <summary>Data for a trained model: rows of a table and text become numbers as they did in training.</summary>
internal static class SavedData
{
    /// <summary>The parts of data that is split.</summary>
    public static readonly string[] Parts = ["test", "train"];

    /// <summary>Opens data.</summary>
    /// <param name="saved">The model.</param>
    /// <param name="given">The data, null for what the model was trained on, and where its relative paths are taken from.</param>
    /// <param name="part">Which part of the data, split as for training; null for a whole table or text, and the test part of other data.</param>
    /// <param name="withTargets">Whether the targets are needed; rows to predict have none.</param>
    /// <exception cref="UserErrorException">The data cannot be read, or does not fit the model.</exception>
    public static IDataset Open(SavedModel saved, ModelOptionsGiven given, string? part, bool withTargets)
    {
        var data = Find(saved, given.Data, given.DataRoot, part, withTargets);
        var card = saved.Data;
        if (!data.Inputs.Equals(card.Inputs)) throw new UserErrorException($"data {data.Name} has {data.Inputs} inputs, the model of {saved.File} takes {card.Inputs}");
        if (withTargets && (!data.Targets.Equals(card.Targets) || data.Classes > card.Classes)) throw new UserErrorException($"data {data.Name} has {Targets(data.Targets, data.Classes)}, the model of {saved.File} was trained on {Targets(card.Targets, card.Classes)}");
        if (withTargets && card.ClassNames is { } names && data.ClassNames is { } own && !own.SequenceEqual(names.Take(own.Count)))
            throw new UserErrorException($"data {data.Name} has the classes {Some(own)}, the model of {saved.File} was trained on {Some(names)}");
        return data.Count > 0 ? data : throw new UserErrorException($"data {data.Name} has no samples");
    }

    private static IDataset Find(SavedModel saved, string? asked, string? root, string? part, bool withTargets)
    {
        if (asked is not null && part is null)
        {
            var spec = DataSources.Under(root, DataSpec.Parse(asked));
            try
            {
                if (saved.Data.Table is { } table && spec.Kind is "csv" or "tsv") return CsvSource.Open(spec, saved.Data.Table, withTargets);
                if (saved.Data.Table is not null && spec.Kind == "parquet") return ParquetSource.Open(spec, saved.Data.Table, withTargets);
                if (spec.Kind == "text" && saved.Data.CreateTokenizer() is { } tokenizer) return Text(spec, tokenizer, saved.Data.InputShape[0]);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new UserErrorException($"data '{asked}' cannot be read: {error.Message}", error);
            }
        }
        var split = asked is null ? saved.TrainedOn(root) : DataSources.Open(asked, root);
        return part == "train" || (part is null && split.Test is null) ? split.Train : split.Test ?? throw new UserErrorException($"data '{asked ?? saved.Job.Data}' has no test part");
    }

    private static TokenWindows Text(DataSpec spec, ITokenizer tokenizer, int window)
    {
        if (!File.Exists(spec.Path)) throw new UserErrorException($"data '{spec}': no such file");
        try
        {
            return new TokenWindows(Path.GetFileName(spec.Path), tokenizer.Encode(new UTF8Encoding(false, true).GetString(File.ReadAllBytes(spec.Path))), window, tokenizer, varied: false);
        }
        catch (DecoderFallbackException error)
        {
            throw new UserErrorException($"{spec.Path}: not UTF-8 text: a wrong byte at offset {error.Index}", error);
        }
    }

    private static string Targets(SampleSpec spec, int classes) => classes > 0 ? $"{spec} targets of {classes} classes" : $"{spec} targets";

    private static string Some(IReadOnlyList<string> names) => string.Join(", ", names.Take(8)) + (names.Count > 8 ? $" and {names.Count - 8} more" : "");
}
