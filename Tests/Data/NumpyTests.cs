using System.IO.Compression;
using System.Text;
using DistTrain.Data;

namespace DistTrain.Tests.Data;

public sealed class NumpyTests : IDisposable
{
    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Theory]
    [InlineData("|u1", new byte[] { 1, 2, 250 }, new double[] { 1, 2, 250 })]
    [InlineData("|i1", new byte[] { 1, 2, 250 }, new double[] { 1, 2, -6 })]
    [InlineData("|b1", new byte[] { 1, 0, 1 }, new double[] { 1, 0, 1 })]
    [InlineData("<i2", new byte[] { 1, 2, 0xFF, 0xFF }, new double[] { 513, -1 })]
    [InlineData(">i2", new byte[] { 1, 2, 0xFF, 0xFF }, new double[] { 258, -1 })]
    [InlineData("<u4", new byte[] { 1, 0, 0, 0x80 }, new double[] { 2147483649 })]
    [InlineData(">i8", new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE }, new double[] { -2 })]
    [InlineData("<f2", new byte[] { 0, 0x3E }, new double[] { 1.5 })]
    [InlineData("<f4", new byte[] { 0, 0, 0xC0, 0x3F }, new double[] { 1.5 })]
    [InlineData(">f4", new byte[] { 0x3F, 0xC0, 0, 0 }, new double[] { 1.5 })]
    [InlineData("<f8", new byte[] { 0, 0, 0, 0, 0, 0, 0xF8, 0x3F }, new double[] { 1.5 })]
    public void Every_element_type_is_read(string type, byte[] bytes, double[] expected)
    {
        foreach (byte version in new byte[] { 1, 2, 3 })
        {
            var array = NpyArray.ReadFile(temp.Write("a.npy", Npy(type, $"({expected.Length},)", bytes, version: version)));
            Assert.Equal([expected.Length], array.Shape);
            Assert.Equal(expected, Enumerable.Range(0, array.Length).Select(array.Number));
        }
    }

    [Fact]
    public void Fortran_order_becomes_C_order()
    {
        // The elements of [[[0 1] [2 3] [4 5]] [[6 7] [8 9] [10 11]]] with the first index varying fastest.
        byte[] stored = [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11];
        var array = NpyArray.ReadFile(temp.Write("f.npy", Npy("|u1", "(2, 3, 2)", stored, fortran: true)));
        Assert.Equal(Enumerable.Range(0, 12).Select(i => (byte)i), array.Bytes);
    }

    [Fact]
    public void Two_files_are_inputs_and_labels()
    {
        var inputs = temp.Write("x.npy", Npy("|u1", "(5, 2, 2)", [.. Enumerable.Range(0, 20).Select(i => (byte)i)]));
        var targets = temp.Write("y.npy", Npy("<i4", "(5, 1)", [0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]));
        var split = DataSources.Open($"npy:{inputs}?targets={targets}&shape=1,2,2&split=tail&test=0.4");
        Assert.Equal((3, 2, 3), (split.Train.Count, split.Test!.Count, split.Train.Classes));
        Assert.Equal(SampleSpec.Float32(1, 2, 2), split.Train.Inputs);
        Assert.Equal(SampleSpec.Label, split.Train.Targets);
        var values = new float[8];
        var labels = new long[2];
        split.Test.Read(ReadContext.Evaluation, [0, 1], values, labels);
        Assert.Equal(Enumerable.Range(12, 8).Select(i => (float)(i * (1.0 / 255))), values);
        Assert.Equal([0, 1], labels);
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Optimal)]
    public void An_archive_has_its_arrays_by_the_usual_names(CompressionLevel level)
    {
        var path = Archive(level, ("x_train", Npy("<f4", "(2, 1)", Floats(1, 2))), ("y_train", Npy("<f8", "(2,)", [.. Doubles(.5), .. Doubles(.25)])),
            ("x_test", Npy("<f4", "(1, 1)", Floats(3))), ("y_test", Npy("<f8", "(1,)", Doubles(.75))), ("other", Npy("|u1", "(1,)", [1])));
        var split = DataSources.Open($"npz:{path}");
        Assert.Equal((2, 1), (split.Train.Count, split.Test!.Count));
        Assert.Equal(SampleSpec.Float32(1), split.Train.Targets);
        var inputs = new float[2];
        var targets = new float[2];
        split.Train.Read(ReadContext.Evaluation, [1, 0], inputs, targets);
        Assert.Equal([2, 1], inputs);
        Assert.Equal([.25f, .5f], targets);
    }

    public static TheoryData<byte[], string> CorruptFiles => new()
    {
        { [1, 2, 3], "3 bytes long; expected a .npy header" },
        { Encoding.ASCII.GetBytes("not numpy at all"), "begins with 0x6e6f74206e75; expected 0x934e554d5059" },
        { Npy("<f4", "(2,)", Floats(1, 2))[..^1], "shape (2) of <f4 is more than the 7 bytes of data" },
        { [.. Npy("<f4", "(2,)", Floats(1, 2)), 0], "9 bytes of data; expected 8" },
        { Npy("<f4", "(2147483647, 2147483647)", Floats(1)), "more than the 4 bytes of data" },
        { Npy("<f4", "(99999999999,)", Floats(1)), "no shape of whole numbers" },
        { Npy("<f4", "(0, 3)", []), "shape (0, 3) of <f4 is empty" },
        { Npy("|O", "(1,)", Floats(1)), "element type '|O'; expected one of b1" },
        { Npy("<c8", "(1,)", Floats(1, 2)), "element type '<c8'" },
        { Npy("<f4", "(1,)", Floats(1), version: 9), ".npy version 9; expected 1, 2 or 3" },
        { Npy("<f4", "(1,)", Floats(1))[..40], "a header of 118 bytes; expected at most 30" },
        { Npy("<f4", "(1,)", Floats(float.NaN)), "element 0 of sample 0 is NaN; expected finite numbers" },
    };

    [Theory]
    [MemberData(nameof(CorruptFiles))]
    public void A_corrupt_file_is_named_with_what_is_wrong(byte[] content, string message)
    {
        var path = temp.Write("x.npy", content);
        var targets = temp.Write("y.npy", Npy("|u1", "(1,)", [0]));
        var error = Assert.Throws<UserErrorException>(() => DataSources.Open($"npy:{path}?targets={targets}&test=0"));
        Assert.StartsWith(path, error.Message);
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Arrays_that_do_not_belong_together_are_refused()
    {
        var inputs = temp.Write("x.npy", Npy("<f4", "(2, 2)", Floats(1, 2, 3, 4)));
        var targets = temp.Write("y.npy", Npy("|i1", "(3,)", [0, 1, 1]));
        var negative = temp.Write("n.npy", Npy("|i1", "(2,)", [0, 255]));
        Refused($"npy:{inputs}", "names no targets; expected npy:<inputs.npy>?targets=<targets.npy>");
        Refused($"npy:{inputs}?targets={targets}", "shape (3); expected 2 targets first, one for each input");
        Refused($"npy:{inputs}?targets={negative}", "label 1 is -1; expected 0 or more");
        Refused($"npy:{inputs}?targets={negative}&test-inputs={inputs}", "test inputs without test targets; expected both or neither");
        Refused($"npy:{inputs}?targets={temp.Write("z.npy", Npy("|i1", "(2,)", [0, 1]))}&shape=3&test=0", "shape was 3, 3 elements; expected 2 as in (2)");
        Refused($"npz:{Archive(CompressionLevel.Fastest, ("a", Npy("|u1", "(1,)", [1])), ("b", Npy("|u1", "(1,)", [1])))}", "there are a, b (say which with inputs=<name>)");
        Refused($"npz:{temp.Write("no.npz", "PK but no archive")}", "not a whole .npz archive");
        Refused($"npy:{inputs}?targets={temp.Write("t.npy", Npy("<f4", "(2, 2)", Floats(1, 2, 3, float.PositiveInfinity)))}&test=0", "t.npy: target 1 of sample 1 is ");
        Refused($"npy:{inputs}?targets={temp.Write("d.npy", Npy("<f8", "(2,)", [.. Doubles(1), .. Doubles(1e300)]))}&test=0", "d.npy: target 0 of sample 1 is ");
        Refused("npz:nowhere.npz", "nowhere.npz: no such file");

        static void Refused(string spec, string message)
        {
            var error = Assert.Throws<UserErrorException>(() => DataSources.Open(spec));
            Assert.Contains(message, error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    private string Archive(CompressionLevel level, params (string Name, byte[] Npy)[] arrays)
    {
        var memory = new MemoryStream();
        using (var archive = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, npy) in arrays)
            {
                using var stream = archive.CreateEntry(name + ".npy", level).Open();
                stream.Write(npy);
            }
        }
        return temp.Write("a.npz", memory.ToArray());
    }

    /// <summary>A file as numpy.save writes it: the header padded with blanks to a multiple of 64 bytes.</summary>
    private static byte[] Npy(string type, string shape, byte[] data, bool fortran = false, byte version = 1)
    {
        var header = $"{{'descr': '{type}', 'fortran_order': {(fortran ? "True" : "False")}, 'shape': {shape}, }}";
        var before = version == 1 ? 10 : 12;
        header = header.PadRight((before + header.Length + 1 + 63) / 64 * 64 - before - 1) + "\n";
        byte[] length = version == 1 ? [(byte)header.Length, (byte)(header.Length >> 8)] : [(byte)header.Length, (byte)(header.Length >> 8), 0, 0];
        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. Encoding.ASCII.GetBytes(header), .. data];
    }

    private static byte[] Floats(params float[] numbers) => [.. numbers.SelectMany(BitConverter.GetBytes)];

    private static byte[] Doubles(params double[] numbers) => [.. numbers.SelectMany(BitConverter.GetBytes)];
}
