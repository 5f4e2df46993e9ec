namespace DistTrain.Data;

/// <summary>
/// MNIST and its likes (Fashion-MNIST, KMNIST) from a folder with the four usual IDX files, gzipped or not. Where only the t10k pair is there, its first 80 % are the
/// training images and the rest the test images. Images are float32 <c>[1, height, width]</c>, pixel / 255.
/// </summary>
public static class MnistSource
{
    private const int ClassCount = 10;
    private static readonly string[] Names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    internal static DataKind Kind => new("mnist", "mnist:<dir>", "IDX files, gzipped or not: train-images-idx3-ubyte[.gz] and so on", [], spec => Open(spec.Path));

    /// <summary>Reads a folder.</summary>
    /// <param name="folder">The folder with the files.</param>
    /// <exception cref="UserErrorException">A file is missing or corrupt, or images and labels do not belong together.</exception>
    public static DataSplit Open(string folder)
    {
        if (folder.Length == 0)
            throw new UserErrorException("Data 'mnist' names no folder; expected mnist:<dir>");
        if (!Directory.Exists(folder))
            throw new UserErrorException($"Data 'mnist:{folder}': no such folder");
        var test = ReadPair(folder, "t10k") ?? throw new UserErrorException(
            $"Data 'mnist:{folder}': no t10k-images-idx3-ubyte[.gz] there; expected the four MNIST files, or the t10k pair");
        var train = ReadPair(folder, "train");
        if (train is { } whole)
        {
            return whole.Height == test.Height && whole.Width == test.Width
                ? new("mnist", Make("mnist train", whole, 0, whole.Count), Make("mnist test", test, 0, test.Count))
                : throw new UserErrorException($"Data 'mnist:{folder}': training images are {whole.Height} x {whole.Width}, test images {test.Height} x {test.Width}; expected the same size");
        }
        var split = (int)(test.Count * 4L / 5);
        return split > 0
            ? new("mnist", Make("mnist train", test, 0, split), Make("mnist test", test, split, test.Count - split))
            : throw new UserErrorException($"Data 'mnist:{folder}': {test.Count} image is too few to split; expected 2 or more");
    }

    private static ByteImageDataset Make(string name, in Pair pair, int start, int count)
    {
        var size = pair.Height * pair.Width;
        return new(name, pair.Pixels.AsMemory(start * size, count * size), pair.Labels.AsMemory(start, count), [1, pair.Height, pair.Width], ClassCount, Names);
    }

    private static Pair? ReadPair(string folder, string prefix)
    {
        string? imageFile = Find(folder, $"{prefix}-images", "idx3-ubyte"), labelFile = Find(folder, $"{prefix}-labels", "idx1-ubyte");
        if (imageFile is null && labelFile is null)
            return null;
        if (imageFile is null || labelFile is null)
            throw new UserErrorException($"Data 'mnist:{folder}': {prefix} {(imageFile is null ? "labels without images" : "images without labels")}; expected {prefix}-images-idx3-ubyte[.gz] and {prefix}-labels-idx1-ubyte[.gz]");
        var (shape, pixels) = IdxFile.Read(imageFile, 3);
        var (labelShape, labels) = IdxFile.Read(labelFile, 1);
        if (shape[0] != labelShape[0])
            throw new UserErrorException($"{labelFile}: {labelShape[0]} labels for {shape[0]} images in {Path.GetFileName(imageFile)}; expected as many");
        var wrong = labels.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)(ClassCount - 1));
        if (wrong >= 0)
            throw new UserErrorException($"{labelFile}: label {wrong} is {labels[wrong]}; expected 0 to {ClassCount - 1}");
        return new(shape[0], shape[1], shape[2], pixels, labels);
    }

    /// <summary>Some copies of MNIST have a dot before idx instead of a dash.</summary>
    private static string? Find(string folder, string name, string type)
    {
        foreach (var separator in "-.")
        {
            foreach (var ending in (ReadOnlySpan<string>)["", ".gz"])
            {
                var path = Path.Combine(folder, $"{name}{separator}{type}{ending}");
                if (File.Exists(path))
                    return path;
            }
        }
        return null;
    }

    private readonly record struct Pair(int Count, int Height, int Width, byte[] Pixels, byte[] Labels);
}
