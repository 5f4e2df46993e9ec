using DistTrain.Data;

namespace DistTrain.Tests.Data;

public class DigitsTests
{
    [Fact]
    public void The_default_digits_never_change()
    {
        var split = DataSources.Open("digits");
        Assert.Equal((8000, 2000), (split.Train.Count, split.Test!.Count));
        Assert.Equal(SampleSpec.Float32(1, 28, 28), split.Train.Inputs);
        Assert.Equal(10, split.Train.Classes);
        Assert.Equal("4595d0a05260ff78a4649ff8a4e2991782f81624c7995d646a0e1a2362f4a0ef", split.Fingerprint);
    }

    [Fact]
    public void Each_digit_depends_on_seed_split_and_index_only()
    {
        var few = DataSources.Open("digits:20,10,3");
        var more = DataSources.Open("digits:200,100,3");
        Assert.Equal(Images(few.Train, 20), Images(more.Train, 20));
        Assert.Equal(Images(few.Test!, 10), Images(more.Test!, 10));
        Assert.NotEqual(Images(few.Train, 10), Images(few.Test!, 10));
        Assert.NotEqual(Images(few.Train, 20), Images(DataSources.Open("digits:20,10,4").Train, 20));
    }

    [Fact]
    public void Every_class_is_there_about_equally_often()
    {
        var train = DigitsSource.Create(5000, 0).Train;
        var counts = new int[10];
        var (_, labels) = Read(train, 5000);
        foreach (var label in labels)
            counts[label]++;
        Assert.All(counts, count => Assert.InRange(count, 400, 600));
    }

    [Fact]
    public void Every_digit_has_ink_and_background()
    {
        var (images, _) = Read(DigitsSource.Create(1000, 0).Train, 1000);
        for (var i = 0; i < 1000; i++)
        {
            var image = images.AsSpan(i * 784, 784).ToArray();
            Assert.All(image, pixel => Assert.InRange(pixel, 0, 1));
            Assert.InRange(image.Count(pixel => pixel > .5f), 8, 350);
        }
    }

    [Theory]
    [InlineData("digits:0", "training digits was '0'; expected a whole number from 1 to 1000000")]
    [InlineData("digits:10,-1", "test digits was '-1'; expected a whole number from 0 to 1000000")]
    [InlineData("digits:10,10,x", "seed was 'x'; expected a whole number")]
    [InlineData("digits:1,2,3,4", "4 numbers; expected digits[:train,test,seed]")]
    [InlineData("digits?size=3", "unknown option 'size'; digits takes augment")]
    [InlineData("pigeons", "Unknown data 'pigeons'; expected one of digits[:train,test,seed], mnist:<dir>")]
    [InlineData(":x", "names no kind of data")]
    [InlineData("digits?seed", "'seed' is no option; expected name=value")]
    public void A_wrong_request_is_refused_in_one_line(string spec, string message)
    {
        var error = Assert.Throws<UserErrorException>(() => DataSources.Open(spec));
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    private static float[] Images(IDataset dataset, int count) => Read(dataset, count).Inputs;

    private static (float[] Inputs, long[] Labels) Read(IDataset dataset, int count)
    {
        var inputs = new float[count * dataset.Inputs.Length];
        var labels = new long[count];
        dataset.Read(ReadContext.Evaluation, Enumerable.Range(0, count).ToArray(), inputs, labels);
        return (inputs, labels);
    }
}
