using DistTrain.Data;

namespace DistTrain.Tests.Data;

public class DatasetTests
{
    private readonly ArrayDataset dataset = new("pairs", [1, 2, 3, 4, 5, 6], SampleSpec.Float32(2), [0, 1, 0], 2, ["no", "yes"]);

    [Fact]
    public void Arrays_are_read_sample_by_sample()
    {
        var inputs = new float[4];
        var labels = new long[2];
        dataset.Read(ReadContext.Evaluation, [2, 1], inputs, labels);
        Assert.Equal([5, 6, 3, 4], inputs);
        Assert.Equal([0, 1], labels);
        Assert.Equal((3, 2), (dataset.Count, dataset.Classes));
    }

    [Fact]
    public void Float_targets_are_read_as_floats()
    {
        var targets = new float[2];
        new ArrayDataset("r", [1, 2], SampleSpec.Float32(1), [.5f, .25f], SampleSpec.Float32()).Read(ReadContext.Evaluation, [1, 0], new float[2], targets);
        Assert.Equal([.25f, .5f], targets);
    }

    [Fact]
    public void Wrong_spans_and_indices_are_refused()
    {
        Assert.Contains("inputs of 1 samples of float32 [2] asked for in 3 elements, expected 2", Error(() => dataset.Read(default, [0], new float[3], new long[1])));
        Assert.Contains("targets asked for as Float32, expected int64 []", Error(() => dataset.Read(default, [0], new float[2], new float[1])));
        Assert.Contains("pairs: sample 3 asked for, expected 0 to 2", Error(() => dataset.Read(default, [3], new float[2], new long[1])));
        Assert.Contains("sample -1 asked for", Error(() => dataset.Read(default, [-1], new float[2], new long[1])));
        Assert.Contains("5 input elements of float32 [2]", Error(() => new ArrayDataset("odd", new float[5], SampleSpec.Float32(2), new long[2], 2)));

        static string Error(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;
    }

    [Fact]
    public void The_fingerprint_covers_shape_and_content()
    {
        string[] prints =
        [
            dataset.Fingerprint,
            new ArrayDataset("pairs", [1, 2, 3, 4, 5, 6], SampleSpec.Float32(2, 1), [0, 1, 0], 2).Fingerprint,
            new ArrayDataset("pairs", [1, 2, 3, 4, 5, 6], SampleSpec.Float32(2), [0, 1, 1], 2).Fingerprint,
            new ArrayDataset("pairs", [1, 2, 3, 4, 5, 7], SampleSpec.Float32(2), [0, 1, 0], 2).Fingerprint,
            new ArrayDataset("pairs", [1, 2, 3, 4, 5, 6], SampleSpec.Float32(2), [0, 1, 0], 3).Fingerprint,
        ];
        Assert.Equal(5, prints.Distinct().Count());
        Assert.All(prints, print => Assert.Matches("^[0-9a-f]{64}$", print));
        Assert.Equal(dataset.Fingerprint, new ArrayDataset("other name", [1, 2, 3, 4, 5, 6], SampleSpec.Float32(2), [0, 1, 0], 2).Fingerprint);
    }

    [Fact]
    public void A_specification_is_its_type_and_shape()
    {
        Assert.Equal(SampleSpec.Float32(1, 28, 28), SampleSpec.Float32(1, 28, 28));
        Assert.NotEqual(SampleSpec.Float32(28, 28), SampleSpec.Float32(1, 28, 28));
        Assert.NotEqual(SampleSpec.Float32(3), SampleSpec.Int64(3));
        Assert.Equal("float32 [1, 28, 28]", SampleSpec.Float32(1, 28, 28).ToString());
        Assert.Equal((784, 1), (SampleSpec.Float32(1, 28, 28).Length, SampleSpec.Label.Length));
        Assert.Throws<ArgumentException>(() => SampleSpec.Float32(3, 0));
        Assert.Throws<ArgumentException>(() => SampleSpec.Float32(1 << 20, 1 << 20));
    }
}
