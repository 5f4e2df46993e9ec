using System.Globalization;

namespace DistTrain.Data;

/// <summary>
/// Pictures in one folder per class. Where the folder holds <c>train</c> and one of <c>test</c>, <c>val</c> or <c>valid</c>, these are the two parts; otherwise a share
/// is held out. Classes are the folders' names in order; inputs float32 <c>[channels, height, width]</c>, pixel / 255.
/// </summary>
public static class ImageFolderSource
{
    private const int MostSide = 4096, MostClasses = 256;

    /// <summary>Pictures in memory at a time while they are packed.</summary>
    private const int PackTogether = 64;

    internal static DataKind Kind => new(
        "images",
        "images:<dir>",
        "pictures (PNG, JPEG, BMP, GIF, TGA), one folder per class",
        [
            new("size", "what pictures are scaled to, such as 64 or 64x48 (height x width); by default they must all have the same size"),
            new("channels", "3 for colour (default) or 1 for grey"),
            BadRows.Option,
            PackedSource.Option,
            .. HoldOut.Options,
        ],
        Open);

    private static DataSplit Open(DataSpec spec)
    {
        var folder = spec.RequirePath("images:<dir>");
        if (!Directory.Exists(folder))
            throw new UserErrorException($"Data '{spec}': no such folder");
        var train = Path.Combine(folder, "train");
        var test = ((string[])["test", "val", "valid"]).Select(name => Path.Combine(folder, name)).FirstOrDefault(Directory.Exists);
        var apart = Directory.Exists(train) && test is not null;
        var classes = Classes(apart ? train : folder);
        var files = List(apart ? train : folder, classes);
        var testFiles = apart ? List(test!, classes) : [];
        var channels = (int)spec.Whole("channels", 3, 1, 3);
        if (channels == 2)
            throw spec.Wrong("channels", "2", "1 or 3");
        var size = SizeOf(spec) ?? ImageFile.Size(files[0].Path);
        var reader = new Reader(channels, size.Height, size.Width, SizeOf(spec) is not null, classes);
        var bad = new BadRows(folder, spec.Choice(BadRows.Option) == "skip", "picture");
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        if (!apart)
        {
            var (trainRows, heldRows) = HoldOut.Of(spec).Choose(folder, files.Length);
            testFiles = [.. heldRows.Select(row => files[row])];
            files = [.. trainRows.Select(row => files[row])];
        }
        string trainName = $"{name}, training pictures", testName = $"{name}, test pictures";
        DataSplit split;
        if (spec.Text("pack") is { } pack)
        {
            reader.Pack(trainName, files, bad, PackedSource.Train(pack));
            if (testFiles.Length > 0)
                reader.Pack(testName, testFiles, bad, PackedSource.Test(pack));
            else
                File.Delete(PackedSource.Test(pack));
            split = PackedSource.Open(pack) with { Name = name };
        }
        else
        {
            split = new(name, reader.Read(trainName, files, bad), testFiles.Length > 0 ? reader.Read(testName, testFiles, bad) : null);
        }
        return split with { Notices = bad.Notice is { } notice ? [notice] : [] };
    }

    private static string[] Classes(string folder)
    {
        var classes = Directory.GetDirectories(folder).Select(Path.GetFileName).OfType<string>()
            .Where(name => !name.StartsWith('.')).Order(StringComparer.Ordinal).ToArray();
        return classes.Length is >= 2 and <= MostClasses ? classes
            : throw new UserErrorException($"{folder}: {classes.Length} folder{(classes.Length == 1 ? "" : "s")}; expected 2 to {MostClasses}, one per class");
    }

    private static Picture[] List(string folder, string[] classes)
    {
        var files = new List<Picture>();
        foreach (var inner in Directory.GetDirectories(folder))
        {
            var name = Path.GetFileName(inner);
            var label = Array.IndexOf(classes, name);
            if (label < 0 && !name.StartsWith('.'))
                throw new UserErrorException($"{inner}: a class that there is nothing of to train on; expected one of {string.Join(", ", classes.Take(20))}");
            if (label >= 0)
                files.AddRange(Directory.EnumerateFiles(inner, "*", SearchOption.AllDirectories).Where(ImageFile.IsPicture).Select(path => new Picture(path, (byte)label)));
        }
        if (files.Count == 0)
            throw new UserErrorException($"{folder}: no pictures in its folders; expected files such as {Path.Combine(classes[0], "1.png")}");
        return [.. files.OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    private static (int Height, int Width)? SizeOf(DataSpec spec)
    {
        if (spec.Text("size") is not { } text)
            return null;
        var parts = text.Split('x');
        var numbers = parts.Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= MostSide ? number : 0).ToArray();
        return numbers.Length is 1 or 2 && !numbers.Contains(0) ? (numbers[0], numbers[^1])
            : throw spec.Wrong("size", text, $"one or two sizes of 1 to {MostSide}, such as 64 or 64x48");
    }

    private readonly record struct Picture(string Path, byte Label);

    private sealed class Reader(int channels, int height, int width, bool scale, string[] classes)
    {
        private readonly int bytes = channels * height * width;

        /// <summary>Decodes pictures into memory.</summary>
        public ByteImageDataset Read(string name, ReadOnlySpan<Picture> files, BadRows bad)
        {
            if ((long)files.Length * bytes > Array.MaxLength)
                throw new UserErrorException($"{name}: {files.Length} pictures of {channels} x {height} x {width} take {(long)files.Length * bytes} bytes; expected at most {Array.MaxLength} (give a smaller size, or a folder to pack them into with pack=<dir>)");
            var some = Decode(name, files, bad);
            return some.Count > 0 ? some : throw new UserErrorException($"{name}: not one of {files.Length} pictures can be read ({bad.Notice})");
        }

        /// <summary>Decodes pictures into a packed file, some at a time.</summary>
        public void Pack(string name, ReadOnlySpan<Picture> files, BadRows bad, string path)
        {
            using var writer = new PackedWriter(path, name, SampleSpec.Float32(channels, height, width), SampleSpec.Label, asBytes: true, classes.Length, classes);
            var input = new float[bytes];
            var label = new long[1];
            var count = 0;
            for (var start = 0; start < files.Length; start += PackTogether)
            {
                var some = Decode(name, files[start..Math.Min(start + PackTogether, files.Length)], bad);
                for (var i = 0; i < some.Count; i++, count++)
                {
                    some.Read(ReadContext.Evaluation, [i], input, label);
                    writer.Add(input, label);
                }
            }
            if (count == 0)
                throw new UserErrorException($"{name}: not one of {files.Length} pictures can be read ({bad.Notice})");
            writer.Complete();
        }

        private ByteImageDataset Decode(string name, ReadOnlySpan<Picture> some, BadRows bad)
        {
            var files = some.ToArray();
            var pixels = new byte[files.Length * bytes];
            var errors = new string?[files.Length];
            Parallel.For(0, files.Length, i =>
            {
                try
                {
                    if (!scale && ImageFile.Size(files[i].Path) is var size && size != (height, width))
                        throw new UserErrorException($"{files[i].Path}: {size.Height} x {size.Width} pixels; expected {height} x {width} as the first picture has (or give a size to scale to)");
                    ImageFile.Read(files[i].Path, channels, height, width, pixels.AsSpan(i * bytes, bytes));
                }
                catch (UserErrorException error)
                {
                    errors[i] = error.Message;
                }
            });
            var kept = 0;
            var labels = new byte[files.Length];
            for (var i = 0; i < files.Length; i++)
            {
                if (errors[i] is { } error)
                {
                    bad.AddWhole(error);
                    continue;
                }
                if (kept < i)
                    pixels.AsSpan(i * bytes, bytes).CopyTo(pixels.AsSpan(kept * bytes));
                labels[kept++] = files[i].Label;
            }
            return new(name, pixels.AsMemory(0, kept * bytes), labels.AsMemory(0, kept), [channels, height, width], classes.Length, classes);
        }
    }
}
