namespace DistTrain.Data;

/// <summary>
/// Data that was packed before: a folder with <c>train.pack</c> and perhaps <c>test.pack</c>. For data that does not fit in memory: tables and pictures are written there sample by
/// sample with the option <c>pack</c>.
/// </summary>
public static class PackedSource
{
    internal static DataKind Kind => new("packed", "packed:<dir>", "samples packed into files, read without holding them in memory", [], spec => Open(spec.RequirePath("packed:<dir>")));

    /// <summary>The option of kinds that can be packed without being held in memory.</summary>
    internal static DataOption Option => new("pack", "a folder to write the samples to, to be read from there: for data that does not fit in memory", IsPath: true);

    /// <summary>Opens a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="UserErrorException">There is no train.pack, or a file is cut.</exception>
    public static DataSplit Open(string folder)
    {
        var train = new PackedDataset(Train(folder));
        var test = File.Exists(Test(folder)) ? new PackedDataset(Test(folder)) : null;
        if (test is not null && !(test.Inputs.Equals(train.Inputs) && test.Targets.Equals(train.Targets)))
            throw new UserErrorException($"{Test(folder)}: samples are {test.Inputs} with {test.Targets}; expected {train.Inputs} with {train.Targets} as in train.pack");
        return new(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)), train, test) { Encoding = train.Encoding };
    }

    /// <summary>Writes a split to a folder.</summary>
    /// <param name="folder">The folder; it is made where it is not there.</param>
    /// <param name="split">The samples, as evaluation reads them.</param>
    /// <param name="asBytes">Whether inputs are multiples of 1/255, as images' are, to be stored in a byte each.</param>
    public static void Write(string folder, DataSplit split, bool asBytes = false)
    {
        Write(Train(folder), split.Train, asBytes, split.Encoding);
        if (split.Test is not null)
            Write(Test(folder), split.Test, asBytes, split.Encoding);
        else
            File.Delete(Test(folder));
    }

    /// <summary>The file of training samples.</summary>
    internal static string Train(string folder) => Path.Combine(folder, "train.pack");

    /// <summary>The file of test samples.</summary>
    internal static string Test(string folder) => Path.Combine(folder, "test.pack");

    private static void Write(string path, IDataset dataset, bool asBytes, TableEncoding? encoding)
    {
        using var writer = new PackedWriter(path, dataset.Name, dataset.Inputs, dataset.Targets, asBytes, dataset.Classes, dataset.ClassNames, encoding);
        SampleBuffer inputs = new(dataset.Inputs, 1), targets = new(dataset.Targets, 1);
        for (var i = 0; i < dataset.Count; i++)
        {
            dataset.Read(ReadContext.Evaluation, [i], inputs.Span(1), targets.Span(1));
            writer.Add(inputs.Span(1), targets.Span(1));
        }
        writer.Complete();
    }
}
