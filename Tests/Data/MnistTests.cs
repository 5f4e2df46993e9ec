using System.Buffers.Binary;
using DistTrain.Data;

namespace DistTrain.Tests.Data;

public sealed class MnistTests : IDisposable
{
    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Theory]
    [InlineData("-", "")]
    [InlineData("-", ".gz")]
    [InlineData(".", "")]
    [InlineData(".", ".gz")]
    public void Four_files_are_train_and_test(string separator, string ending)
    {
        WritePair("train", 7, separator, ending);
        WritePair("t10k", 3, separator, ending);
        var split = DataSources.Open($"mnist:{temp.Folder}");
        Assert.Equal((7, 3), (split.Train.Count, split.Test!.Count));
        Assert.Equal(SampleSpec.Float32(1, 2, 3), split.Train.Inputs);
        var inputs = new float[12];
        var labels = new long[2];
        split.Train.Read(ReadContext.Evaluation, [6, 1], inputs, labels);
        Assert.Equal([6, 1], labels);
        Assert.Equal([36 / 255f, 37 / 255f, 38 / 255f, 39 / 255f, 40 / 255f, 41 / 255f, 6 / 255f, 7 / 255f, 8 / 255f, 9 / 255f, 10 / 255f, 11 / 255f], inputs);
    }

    [Fact]
    public void With_the_t10k_pair_alone_its_first_80_percent_are_for_training()
    {
        WritePair("t10k", 11);
        var split = MnistSource.Open(temp.Folder);
        Assert.Equal((8, 3), (split.Train.Count, split.Test!.Count));
        var labels = new long[1];
        split.Test.Read(ReadContext.Evaluation, [0], new float[6], labels);
        Assert.Equal(8, labels[0]);
    }

    [Fact]
    public void The_fingerprint_tells_content_apart()
    {
        WritePair("t10k", 10);
        var one = MnistSource.Open(temp.Folder).Fingerprint;
        Assert.Equal(one, MnistSource.Open(temp.Folder).Fingerprint);
        var labels = Labels(10);
        labels[^1]--;
        temp.Write("t10k-labels-idx1-ubyte", labels);
        Assert.NotEqual(one, MnistSource.Open(temp.Folder).Fingerprint);
    }

    public static TheoryData<string, byte[], string> CorruptFiles => new()
    {
        { "images", [], "0 bytes long; expected an IDX header of 16 bytes" },
        { "images", Images(10)[..3], "3 bytes long" },
        { "images", Images(10)[..12], "ends within its header, at byte 12; expected 16 bytes" },
        { "images", Images(10)[..^1], "truncated: 59 bytes of data; expected 60 for 10 x 2 x 3" },
        { "images", [.. Images(10), 0], "bytes after its data; expected 60 bytes" },
        { "images", Labels(10), "magic number 0x00000801; expected 0x00000803" },
        { "images", [0, 0, 13, 3, .. Images(10)[4..]], "magic number 0x00000d03" },
        { "images", Header(0x803, int.MaxValue, 28, 28), "dimension 0 is 2147483647, which is more than the file can hold" },
        { "images", Header(0x803, 2, -1, 28), "dimension 1 is 4294967295, which is more than the file can hold" },
        { "images", Header(0x803, 0, 28, 28), "dimension 0 is 0, which is empty" },
        { "images", Header(0x803, 65536, 65536, 65536), "more than the file can hold" },
        { "labels", Labels(9), "9 labels for 10 images in t10k-images-idx3-ubyte" },
        { "labels", [.. Labels(10)[..^1], 10], "label 9 is 10; expected 0 to 9" },
    };

    [Theory]
    [MemberData(nameof(CorruptFiles))]
    public void A_corrupt_file_is_named_with_what_is_wrong(string which, byte[] content, string message)
    {
        foreach (var ending in new[] { "", ".gz" })
        {
            using var folder = new TempFolder();
            folder.Write("t10k-images-idx3-ubyte", Images(10));
            folder.Write("t10k-labels-idx1-ubyte", Labels(10));
            var name = which == "images" ? "t10k-images-idx3-ubyte" : "t10k-labels-idx1-ubyte";
            File.Delete(Path.Combine(folder.Folder, name));
            folder.Write(name + ending, content);
            if (content.Length == 0 && ending == ".gz")
                continue; // an empty gzip stream holds no file at all
            var error = Assert.Throws<UserErrorException>(() => MnistSource.Open(folder.Folder));
            Assert.Contains(message, error.Message);
            Assert.Contains($"t10k-{which}", error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    [Fact]
    public void A_cut_gzip_file_is_named()
    {
        WritePair("t10k", 10, ending: ".gz");
        var path = Path.Combine(temp.Folder, "t10k-images-idx3-ubyte.gz");
        var whole = File.ReadAllBytes(path);
        for (var length = 2; length < whole.Length; length++)
        {
            File.WriteAllBytes(path, whole[..length]);
            var error = Assert.Throws<UserErrorException>(() => MnistSource.Open(temp.Folder));
            Assert.StartsWith(path, error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    [Fact]
    public void A_header_that_claims_too_much_takes_no_memory()
    {
        var path = temp.Write("big", Header(0x803, 2000, 1000, 1000));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<UserErrorException>(() => IdxFile.Read(path, 3));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 18);
    }

    [Fact]
    public void Missing_files_are_named()
    {
        Assert.Contains("names no folder; expected mnist:<dir>", Assert.Throws<UserErrorException>(() => DataSources.Open("mnist")).Message);
        Assert.Contains("no such folder", Assert.Throws<UserErrorException>(() => DataSources.Open($"mnist:{temp.Folder}/nowhere")).Message);
        Assert.Contains("no t10k-images-idx3-ubyte[.gz] there", Assert.Throws<UserErrorException>(() => MnistSource.Open(temp.Folder)).Message);
        temp.Write("t10k-images-idx3-ubyte", Images(10));
        Assert.Contains("t10k images without labels", Assert.Throws<UserErrorException>(() => MnistSource.Open(temp.Folder)).Message);
        temp.Write("t10k-labels-idx1-ubyte", Labels(10));
        temp.Write("train-labels-idx1-ubyte", Labels(10));
        Assert.Contains("train labels without images", Assert.Throws<UserErrorException>(() => MnistSource.Open(temp.Folder)).Message);
    }

    [SkippableFact]
    public void Real_digits_are_read_whole()
    {
        var folder = Path.Combine(Environment.GetEnvironmentVariable("DISTTRAIN_DATA_DIR") ?? "", "mnist-10k");
        Skip.IfNot(Directory.Exists(folder), "DISTTRAIN_DATA_DIR names no folder with mnist-10k in it");
        var split = MnistSource.Open(folder);
        Assert.Equal((8000, 2000), (split.Train.Count, split.Test!.Count));
        Assert.Equal(SampleSpec.Float32(1, 28, 28), split.Train.Inputs);
        var labels = new long[10];
        split.Train.Read(ReadContext.Evaluation, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], new float[7840], labels);
        Assert.Equal([7, 2, 1, 0, 4, 1, 4, 9, 5, 9], labels);
    }

    private void WritePair(string prefix, int count, string separator = "-", string ending = "")
    {
        temp.Write($"{prefix}-images{separator}idx3-ubyte{ending}", Images(count));
        temp.Write($"{prefix}-labels{separator}idx1-ubyte{ending}", Labels(count));
    }

    private static byte[] Images(int count) => [.. Header(0x803, count, 2, 3), .. Enumerable.Range(0, count * 6).Select(i => (byte)i)];

    private static byte[] Labels(int count) => [.. Header(0x801, count), .. Enumerable.Range(0, count).Select(i => (byte)(i % 10))];

    private static byte[] Header(params int[] numbers)
    {
        var bytes = new byte[4 * numbers.Length];
        for (var i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 * i), numbers[i]);
        return bytes;
    }
}
