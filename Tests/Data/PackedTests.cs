using DistTrain.Data;

namespace DistTrain.Tests.Data;

public sealed class PackedTests : IDisposable
{
    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Packed_samples_are_those_that_were_written(bool asBytes)
    {
        var digits = DigitsSource.Create(30, 10);
        PackedSource.Write(temp.Folder, digits, asBytes);
        var packed = DataSources.Open($"packed:{temp.Folder}");
        AssertSame(digits.Train, packed.Train);
        AssertSame(digits.Test!, packed.Test!);
        Assert.Equal(packed.Fingerprint, DataSources.Open($"packed:{temp.Folder}").Fingerprint);
        var size = new FileInfo(Path.Combine(temp.Folder, "train.pack")).Length;
        Assert.InRange(size, 30 * (asBytes ? 792 : 3144), 30 * (asBytes ? 792 : 3144) + 1000);
    }

    [Fact]
    public void Samples_of_any_type_are_kept_to_the_bit()
    {
        var numbers = new ArrayDataset("n", [float.Epsilon, -0f, float.MaxValue, 1], SampleSpec.Float32(2), [.5f, -1], SampleSpec.Float32());
        var tokens = new ArrayDataset("t", [long.MinValue, 2, 3, 4], SampleSpec.Int64(2), [1, 2, 3, 4], SampleSpec.Int64(2), 5);
        foreach (var dataset in (IDataset[])[numbers, tokens])
        {
            PackedSource.Write(temp.Folder, new("d", dataset, null));
            var packed = PackedSource.Open(temp.Folder);
            Assert.Null(packed.Test);
            Assert.Equal((dataset.Inputs, dataset.Targets, dataset.Classes), (packed.Train.Inputs, packed.Train.Targets, packed.Train.Classes));
            AssertSame(dataset, packed.Train);
        }
    }

    [Fact]
    public void Training_goes_through_it_by_blocks_and_sees_every_sample_once()
    {
        const int Length = 65_536, Count = 100; // records of 256 KiB + 8: blocks of 3
        using (var writer = new PackedWriter(PackedPath, "big", SampleSpec.Float32(Length), SampleSpec.Label))
        {
            var input = new float[Length];
            for (var i = 0; i < Count; i++)
            {
                Array.Fill(input, i);
                writer.Add(input, new long[] { i });
            }
            writer.Complete();
        }
        using var packed = new PackedDataset(PackedPath);
        Assert.Equal(3, packed.BlockSize);
        using var loader = new DataLoader(packed, seed: 1, capacity: 10);
        var seen = new List<long>();
        for (var start = 0; start < Count; start += 10)
        {
            var piece = loader.Load(new(0, start, 10));
            Assert.Equal(piece.Labels.ToArray().Select(label => (float)label), Enumerable.Range(0, 10).Select(i => piece.FloatInputs.Span[(i + 1) * Length - 1]));
            seen.AddRange(piece.Labels.ToArray());
        }
        Assert.Equal(Enumerable.Range(0, Count).Select(i => (long)i), seen.Order());
        Assert.NotEqual(seen.Order(), seen);
        var window = packed.BlockSize * Sampler.BlocksTogether;
        Assert.Equal(Sampler.BlocksTogether, seen.Take(window).Select(sample => sample / packed.BlockSize).Distinct().Count());
    }

    [Fact]
    public void Reading_allocates_nothing_in_steady_state()
    {
        PackedSource.Write(temp.Folder, DigitsSource.Create(20, 0), asBytes: true);
        using var packed = new PackedDataset(PackedPath);
        var inputs = new float[20 * 784];
        var labels = new long[20];
        var indices = Enumerable.Range(0, 20).ToArray();
        packed.Read(ReadContext.Evaluation, indices, inputs, labels);
        var before = GC.GetAllocatedBytesForCurrentThread();
        packed.Read(ReadContext.Evaluation, indices, inputs, labels);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void An_interrupted_writing_leaves_no_file()
    {
        using (var writer = new PackedWriter(PackedPath, "d", SampleSpec.Float32(1), SampleSpec.Label))
            writer.Add(new float[] { 1 }, new long[] { 0 });
        Assert.Empty(Directory.GetFiles(temp.Folder));
        using var bytes = new PackedWriter(PackedPath, "d", SampleSpec.Float32(1), SampleSpec.Label, asBytes: true);
        Assert.Contains("sample 0 has an input 0.3, expected multiples of 1/255", Assert.Throws<ArgumentException>(() => bytes.Add(new[] { .3f }, new long[] { 0 })).Message);
        Assert.Contains("expected float32 [1] and int64 []", Assert.Throws<ArgumentException>(() => bytes.Add(new float[2], new long[1])).Message);
    }

    [Fact]
    public void A_cut_file_is_refused_in_one_line_wherever_it_is_cut()
    {
        PackedSource.Write(temp.Folder, new("d", new ArrayDataset("d", [1, 2], SampleSpec.Float32(1), [0, 1], 2), null));
        var whole = File.ReadAllBytes(PackedPath);
        for (var length = 0; length < whole.Length; length++)
            Assert.StartsWith(PackedPath, Refused(whole[..length]));
        Assert.Contains("28 bytes of records; expected 24 for 2 samples", Refused([.. whole[..8], 0, 0, 0, 0, .. whole[8..]]));
        Assert.Contains("expected 0x44545041434b310a, a packed file", Refused([.. "not packed at all, but long enough"u8]));
        Assert.Contains("no such file", Assert.Throws<UserErrorException>(() => DataSources.Open($"packed:{temp.Folder}/nowhere")).Message);

        string Refused(byte[] content)
        {
            File.WriteAllBytes(PackedPath, content);
            var error = Assert.Throws<UserErrorException>(() => PackedSource.Open(temp.Folder));
            Assert.DoesNotContain('\n', error.Message);
            return error.Message;
        }
    }

    private string PackedPath => Path.Combine(temp.Folder, "train.pack");

    /// <summary>Both hold the same samples, to the bit.</summary>
    internal static void AssertSame(IDataset expected, IDataset actual)
    {
        Assert.Equal((expected.Name, expected.Count, expected.Classes), (actual.Name, actual.Count, actual.Classes));
        Assert.Equal(expected.ClassNames?.ToArray(), actual.ClassNames?.ToArray());
        SampleBuffer inputs = new(expected.Inputs, expected.Count), targets = new(expected.Targets, expected.Count);
        SampleBuffer otherInputs = new(actual.Inputs, actual.Count), otherTargets = new(actual.Targets, actual.Count);
        var all = Enumerable.Range(0, expected.Count).ToArray();
        expected.Read(ReadContext.Evaluation, all, inputs.Span(all.Length), targets.Span(all.Length));
        actual.Read(ReadContext.Evaluation, all, otherInputs.Span(all.Length), otherTargets.Span(all.Length));
        Assert.True(inputs.Bytes(all.Length).SequenceEqual(otherInputs.Bytes(all.Length)));
        Assert.True(targets.Bytes(all.Length).SequenceEqual(otherTargets.Bytes(all.Length)));
    }
}
