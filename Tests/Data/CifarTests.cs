using DistTrain.Data;

namespace DistTrain.Tests.Data;

public sealed class CifarTests : IDisposable
{
    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("cifar-10-batches-bin/")]
    public void Records_are_a_label_and_three_planes(string inner)
    {
        temp.Write(inner + "data_batch_1.bin", [.. Record(3, 7), .. Record(9, 8)]);
        temp.Write(inner + "data_batch_2.bin", Record(1, 9));
        temp.Write(inner + "test_batch.bin", Record(0, 5));
        var split = DataSources.Open($"cifar10:{temp.Folder}");
        Assert.Equal((3, 1), (split.Train.Count, split.Test!.Count));
        Assert.Equal(SampleSpec.Float32(3, 32, 32), split.Train.Inputs);
        Assert.Equal("cat", split.Train.ClassNames![3]);
        var inputs = new float[2 * 3072];
        var labels = new long[2];
        split.Train.Read(ReadContext.Evaluation, [2, 1], inputs, labels);
        Assert.Equal([1, 9], labels);
        Assert.Equal((9 / 255f, 10 / 255f, 8 / 255f), (inputs[0], inputs[1], inputs[3072]));
    }

    [Fact]
    public void Bad_folders_are_refused_in_one_line()
    {
        Refused("names no file or folder; expected cifar10:<dir>", "cifar10");
        Refused("no such folder", $"cifar10:{temp.Folder}/nowhere");
        Refused("no data_batch_1.bin there");
        temp.Write("data_batch_1.bin", Record(3, 7));
        Refused("no test_batch.bin there");
        temp.Write("test_batch.bin", Record(3, 7)[..^1]);
        Refused("test_batch.bin: 3072 bytes long; expected whole records of 3073 bytes");
        temp.Write("test_batch.bin", Record(10, 7));
        Refused("test_batch.bin: label 0 is 10; expected 0 to 9");

        void Refused(string message, string? spec = null)
        {
            var error = Assert.Throws<UserErrorException>(() => DataSources.Open(spec ?? $"cifar10:{temp.Folder}"));
            Assert.Contains(message, error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    private static byte[] Record(byte label, int first) => [label, .. Enumerable.Range(0, 3072).Select(i => (byte)(first + i))];
}
