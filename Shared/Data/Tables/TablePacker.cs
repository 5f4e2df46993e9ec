using System.Collections.Immutable;

namespace DistTrain.Data;

/// <summary>
/// Encodes a table that need not fit in memory into packed files: looks at its rows a chunk at a time to count them, to fit the encoding, and to write. The samples
/// are those that <see cref="TableOptions.Split"/> makes.
/// </summary>
internal sealed class TablePacker(TableOptions options, CsvTable rows, CsvTable? testRows, ImmutableArray<string> targets)
{
    /// <summary>Rows held at a time.</summary>
    public const int ChunkRows = 4096;

    /// <summary>Writes the samples into a folder and opens them there.</summary>
    public DataSplit Pack(string file, string folder)
    {
        var fitter = new TableFitter(file, targets, options.Ignored, options.Task, options.Standardize);
        var count = 0;
        string? notice = null, testNotice = null;
        foreach (var chunk in rows.Chunks(ChunkRows))
        {
            if (count == 0)
                options.CheckNames(chunk);
            fitter.AddTargets(chunk);
            count = checked(count + chunk.Rows);
            notice ??= chunk.Notice;
        }
        foreach (var chunk in testRows?.Chunks(ChunkRows) ?? [])
        {
            fitter.AddTargets(chunk);
            testNotice ??= chunk.Notice;
        }
        var isTest = new bool[count];
        if (testRows is null)
        {
            foreach (var row in options.HoldOut.Choose(file, count).Test)
                isTest[row] = true;
        }
        foreach (var (chunk, train, _) in Parted(isTest))
            fitter.AddInputs(chunk, train);
        foreach (var (_, train, _) in Parted(isTest))
            fitter.AddDeviations(train);
        Write(folder, fitter.Finish(), isTest);
        return PackedSource.Open(folder) with { Name = options.Name, Notices = [.. ((string?[])[notice, testNotice]).OfType<string>()] };
    }

    private void Write(string folder, TableEncoding encoding, bool[] isTest)
    {
        using var train = Writer(PackedSource.Train(folder), $"{options.Name}, training rows", encoding);
        using var test = Writer(PackedSource.Test(folder), $"{options.Name}, test rows", encoding);
        foreach (var (chunk, trainRows, heldRows) in Parted(isTest))
        {
            Add(train, chunk, trainRows, encoding);
            Add(test, chunk, heldRows, encoding);
        }
        foreach (var chunk in testRows?.Chunks(ChunkRows) ?? [])
            Add(test, chunk, [.. Enumerable.Range(0, chunk.Rows)], encoding);
        train.Complete();
        if (testRows is not null || isTest.Contains(true))
            test.Complete();
        else
            File.Delete(PackedSource.Test(folder));
    }

    private IEnumerable<(Table Chunk, int[] Train, int[] Test)> Parted(bool[] isTest)
    {
        var start = 0;
        foreach (var chunk in rows.Chunks(ChunkRows))
        {
            var all = Enumerable.Range(0, chunk.Rows).ToLookup(row => isTest[start + row]);
            yield return (chunk, [.. all[false]], [.. all[true]]);
            start += chunk.Rows;
        }
    }

    private static PackedWriter Writer(string path, string name, TableEncoding encoding)
    {
        var target = encoding.Task switch
        {
            TableTask.Regression or TableTask.Binary => SampleSpec.Float32(encoding.Targets.Length),
            _ => SampleSpec.Label,
        };
        var isClassification = encoding.Task is TableTask.Classification;
        return new(path, name, SampleSpec.Float32(encoding.Width), target, false, isClassification ? encoding.Classes.Length : 0, isClassification ? encoding.Classes : null, encoding);
    }

    private static void Add(PackedWriter writer, Table chunk, int[] rows, TableEncoding encoding)
    {
        var samples = TableEncoder.Encode("chunk", chunk, rows, encoding);
        SampleBuffer inputs = new(samples.Inputs, 1), targets = new(samples.Targets, 1);
        for (var i = 0; i < samples.Count; i++)
        {
            samples.Read(ReadContext.Evaluation, [i], inputs.Span(1), targets.Span(1));
            writer.Add(inputs.Span(1), targets.Span(1));
        }
    }
}
