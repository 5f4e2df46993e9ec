using System.Buffers.Binary;
using System.IO.Compression;
using DistTrain.Data;

namespace DistTrain.Tests.Data;

public sealed class ImageFolderTests : IDisposable
{
    // convert -size 8x6 gradient:red-blue -quality 90 j.jpg (ImageMagick 6)
    private const string Jpeg =
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkU" +
        "DQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAGAAgDAREAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAACP/EABgQAAIDAAAA" +
        "AAAAAAAAAAAAAAAEF2KR/8QAFQEBAQAAAAAAAAAAAAAAAAAABwj/xAAaEQAABwAAAAAAAAAAAAAAAAAAAgUXUZHh/9oADAMBAAIRAxEAPwATSI1fSqWFSZLWBdetSg16P//Z";

    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Fact]
    public void Folders_are_classes_in_order_of_their_names()
    {
        temp.Write("dog/1.png", Png(3, 2, (_, _, c) => (byte)(10 + c)));
        temp.Write("cat/b/2.PNG", Png(3, 2, (x, y, c) => (byte)(x + 3 * y + 100 * c)));
        temp.Write("cat/readme.txt", "not a picture");
        temp.Write(".hidden/3.png", "not looked at");
        var split = DataSources.Open($"images:{temp.Folder}?test=0");
        Assert.Equal(["cat", "dog"], split.Train.ClassNames!);
        Assert.Equal(SampleSpec.Float32(3, 2, 3), split.Train.Inputs);
        var inputs = new float[36];
        var labels = new long[2];
        split.Train.Read(ReadContext.Evaluation, [0, 1], inputs, labels);
        Assert.Equal([0, 1], labels);
        Assert.Equal(Enumerable.Range(0, 18).Select(i => (i % 6 + 100 * (i / 6)) / 255f), inputs[..18]);
        Assert.Equal(12 / 255f, inputs[35]);
    }

    [Fact]
    public void Jpeg_pictures_are_decoded()
    {
        temp.Write("a/1.jpg", Convert.FromBase64String(Jpeg));
        temp.Write("b/1.JPEG", Convert.FromBase64String(Jpeg));
        var train = DataSources.Open($"images:{temp.Folder}?test=0").Train;
        Assert.Equal(SampleSpec.Float32(3, 6, 8), train.Inputs);
        var pixels = new float[3 * 48];
        train.Read(ReadContext.Evaluation, [0], pixels, new long[1]);
        for (var i = 0; i < 48; i++)
        {
            // Red runs from 1 to 0 down the six rows, blue the other way, up to what compression loses.
            Assert.Equal(1 - i / 8 / 5f, pixels[i], .06f);
            Assert.Equal(0, pixels[48 + i], .06f);
            Assert.Equal(i / 8 / 5f, pixels[96 + i], .06f);
        }
    }

    [Theory]
    [InlineData("test")]
    [InlineData("val")]
    public void Train_and_test_folders_are_the_two_parts(string test)
    {
        foreach (var part in new[] { "train", test })
        {
            temp.Write($"{part}/a/1.png", Png(2, 2, (_, _, _) => 1));
            temp.Write($"{part}/b/1.png", Png(2, 2, (_, _, _) => 2));
        }
        temp.Write("train/b/2.png", Png(2, 2, (_, _, _) => 3));
        var split = DataSources.Open($"images:{temp.Folder}?channels=1");
        Assert.Equal((3, 2), (split.Train.Count, split.Test!.Count));
        Assert.Equal(SampleSpec.Float32(1, 2, 2), split.Train.Inputs);
        temp.Write($"{test}/c/1.png", Png(2, 2, (_, _, _) => 2));
        Assert.Contains("a class that there is nothing of to train on; expected one of a, b", Refused(""));
    }

    [Fact]
    public void Pictures_are_scaled_on_request()
    {
        temp.Write("a/1.png", Png(8, 4, (x, _, _) => (byte)(x < 4 ? 0 : 200)));
        temp.Write("b/1.png", Png(2, 2, (_, _, _) => 50));
        var split = DataSources.Open($"images:{temp.Folder}?channels=1&size=2x4&test=0");
        var inputs = new float[16];
        split.Train.Read(ReadContext.Evaluation, [0, 1], inputs, new long[2]);
        // Each target column reaches over the source columns around it; the edge between columns 3 and 4 is shared by the two in the middle.
        Assert.Equal([0, 25, 175, 200, 0, 25, 175, 200], inputs[..8].Select(value => MathF.Round(value * 255)));
        Assert.All(inputs[8..], value => Assert.Equal(50 / 255f, value));
    }

    [Fact]
    public void Bad_pictures_are_refused_or_skipped_and_counted()
    {
        temp.Write("a/1.png", Png(4, 4, (_, _, _) => 1));
        temp.Write("a/2.png", Png(4, 4, (_, _, _) => 1)[..60]);
        temp.Write("b/1.png", Png(5, 4, (_, _, _) => 2));
        temp.Write("b/2.png", Png(4, 4, (_, _, _) => 2));
        temp.Write("b/3.jpg", "no picture at all");
        Assert.StartsWith(Path.Combine(temp.Folder, "a", "2.png") + ": not a whole picture", Refused("?test=0"));
        var split = DataSources.Open($"images:{temp.Folder}?test=0&on-bad-row=skip");
        Assert.Equal(2, split.Train.Count);
        Assert.StartsWith($"{temp.Folder}: skipped 3 pictures; the first: {Path.Combine(temp.Folder, "a", "2.png")}", Assert.Single(split.Notices));
        File.Delete(Path.Combine(temp.Folder, "a", "2.png"));
        Assert.Contains("1.png: 4 x 5 pixels; expected 4 x 4 as the first picture has (or give a size to scale to)", Refused("?test=0"));
    }

    [Fact]
    public void Pictures_packed_into_a_folder_are_the_same_samples()
    {
        for (var i = 0; i < 100; i++)
            temp.Write($"{(i % 2 == 0 ? "a" : "b")}/{i:000}.png", Png(4, 3, (x, y, c) => (byte)(i + 2 * x + 3 * y + 100 * c)));
        var plain = DataSources.Open($"images:{temp.Folder}?split-seed=3");
        using var packs = new TempFolder();
        var packed = DataSources.Open($"images:{temp.Folder}?split-seed=3&pack={packs.Folder}");
        Assert.IsType<PackedDataset>(packed.Train);
        PackedTests.AssertSame(plain.Train, packed.Train);
        PackedTests.AssertSame(plain.Test!, packed.Test!);
    }

    [Fact]
    public void A_header_that_claims_too_much_takes_no_memory()
    {
        temp.Write("a/1.png", Png(1 << 14, 1 << 13, null));
        temp.Write("b/1.png", Png(1 << 14, 1 << 13, null));
        Assert.Contains("8192 x 16384 pixels; expected at most 67108864 in all", Refused("?size=8&test=0"));
    }

    [Fact]
    public void Wrong_requests_are_refused_in_one_line()
    {
        Assert.Contains("no such folder", Refused("/nowhere"));
        Assert.Contains("0 folders; expected 2 to 256, one per class", Refused(""));
        Directory.CreateDirectory(Path.Combine(temp.Folder, "a"));
        Directory.CreateDirectory(Path.Combine(temp.Folder, "b"));
        Assert.Contains("no pictures in its folders", Refused(""));
        temp.Write("a/1.png", Png(4, 4, (_, _, _) => 1));
        Assert.Contains("size was '0x3'; expected one or two sizes of 1 to 4096", Refused("?size=0x3"));
        Assert.Contains("channels was '2'; expected 1 or 3", Refused("?channels=2"));
    }

    private string Refused(string rest)
    {
        var error = Assert.Throws<UserErrorException>(() => DataSources.Open($"images:{temp.Folder}{rest}"));
        Assert.DoesNotContain('\n', error.Message);
        return error.Message;
    }

    /// <summary>A PNG file of a colour picture, or without its pixels.</summary>
    internal static byte[] Png(int width, int height, Func<int, int, int, byte>? pixel)
    {
        var memory = new MemoryStream();
        memory.Write([0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (8, 2);
        Chunk("IHDR"u8, header);
        var data = new MemoryStream();
        using (var zip = new ZLibStream(data, CompressionLevel.Fastest, leaveOpen: true))
        {
            for (var y = 0; y < height && pixel is not null; y++)
            {
                zip.WriteByte(0);
                for (var x = 0; x < 3 * width; x++)
                    zip.WriteByte(pixel(x / 3, y, x % 3));
            }
        }
        Chunk("IDAT"u8, data.ToArray());
        Chunk("IEND"u8, []);
        return memory.ToArray();

        void Chunk(ReadOnlySpan<byte> type, byte[] content)
        {
            Span<byte> number = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
            memory.Write(number);
            byte[] body = [.. type, .. content];
            memory.Write(body);
            BinaryPrimitives.WriteUInt32BigEndian(number, Crc32(body));
            memory.Write(number);
        }
    }

    private static uint Crc32(byte[] bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        }
        return ~crc;
    }
}
