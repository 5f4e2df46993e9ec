namespace DistTrain.Data;

/// <summary>
/// CIFAR-10 in its binary version (https://www.cs.toronto.edu/~kriz/cifar.html): data_batch_1.bin to data_batch_5.bin and test_batch.bin, records of a label and 3,072
/// bytes. Images are float32 <c>[3, 32, 32]</c>, pixel / 255.
/// </summary>
public static class CifarSource
{
    private const int ImageBytes = 3 * 32 * 32, RecordBytes = ImageBytes + 1, ClassCount = 10;
    private static readonly string[] Names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    internal static DataKind Kind => new("cifar10", "cifar10:<dir>", "CIFAR-10, binary version", [], spec => Open(spec.RequirePath("cifar10:<dir>")));

    /// <summary>Reads a folder.</summary>
    /// <param name="folder">The folder with the files, or the one that holds <c>cifar-10-batches-bin</c>. Any of the five training files may be missing, not all.</param>
    /// <exception cref="UserErrorException">Files are missing or corrupt.</exception>
    public static DataSplit Open(string folder)
    {
        if (!Directory.Exists(folder))
            throw new UserErrorException($"Data 'cifar10:{folder}': no such folder");
        var inner = Path.Combine(folder, "cifar-10-batches-bin");
        var files = Directory.Exists(inner) ? inner : folder;
        var training = Enumerable.Range(1, 5).Select(i => Path.Combine(files, FormattableString.Invariant($"data_batch_{i}.bin"))).Where(File.Exists).ToArray();
        var test = Path.Combine(files, "test_batch.bin");
        if (training.Length == 0 || !File.Exists(test))
            throw new UserErrorException($"Data 'cifar10:{folder}': no {(training.Length == 0 ? "data_batch_1.bin" : "test_batch.bin")} there; expected data_batch_1.bin to data_batch_5.bin and test_batch.bin");
        return new("cifar10", Read("cifar10 train", training), Read("cifar10 test", [test]));
    }

    private static ByteImageDataset Read(string name, string[] files)
    {
        var counts = files.Select(Count).ToArray();
        var pixels = new byte[checked(counts.Sum() * ImageBytes)];
        var labels = new byte[counts.Sum()];
        var record = new byte[RecordBytes];
        var image = 0;
        for (var f = 0; f < files.Length; f++)
        {
            using var stream = new FileStream(files[f], FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
            for (var i = 0; i < counts[f]; i++, image++)
            {
                stream.ReadExactly(record);
                if (record[0] >= ClassCount)
                    throw new UserErrorException($"{files[f]}: label {i} is {record[0]}; expected 0 to {ClassCount - 1}");
                labels[image] = record[0];
                record.AsSpan(1).CopyTo(pixels.AsSpan(image * ImageBytes));
            }
        }
        return new(name, pixels, labels, [3, 32, 32], ClassCount, Names);
    }

    private static int Count(string file)
    {
        var length = new FileInfo(file).Length;
        return length > 0 && length % RecordBytes == 0 && length <= Array.MaxLength ? (int)(length / RecordBytes)
            : throw new UserErrorException($"{file}: {length} bytes long; expected whole records of {RecordBytes} bytes");
    }
}
