using DistTrain.Data;

namespace DistTrain.Tests.Data;

public class AugmentationTests
{
    private const int Height = 6, Width = 5;
    private static readonly ReadContext Training = new(1, 0);

    [Fact]
    public void A_sample_depends_on_seed_epoch_and_index_only()
    {
        var digits = DigitsSource.Create(50, 0).Train;
        var one = new AugmentedDataset(digits, ImageAugmentation.Parse("crop:2,flip,affine:15:0.1:0.1,erase:0.5"));
        var other = new AugmentedDataset(digits, one.Augmentation);
        var batch = new float[3 * 784];
        one.Read(new(4, 2), [7, 30, 11], batch, new long[3]);
        Assert.Equal(batch[784..1568], Read(other, new(4, 2), 30));
        Assert.Equal(batch[784..1568], Read(one, new(4, 2), 30));
        Assert.NotEqual(batch[784..1568], Read(one, new(4, 3), 30));
        Assert.NotEqual(batch[784..1568], Read(one, new(5, 2), 30));
        Assert.Equal(Read(digits, ReadContext.Evaluation, 30), Read(one, ReadContext.Evaluation, 30));
    }

    [Fact]
    public void A_crop_shifts_by_whole_pixels_each_way_and_fills_with_zero()
    {
        var seen = new HashSet<(int, int)>();
        Each(ImageAugmentation.Parse("crop:1"), 200, (source, image) =>
        {
            var matches = from dy in Enumerable.Range(-1, 3) from dx in Enumerable.Range(-1, 3)
                          where image.SequenceEqual(Shifted(source, dy, dx)) select (dy, dx);
            seen.Add(Assert.Single(matches));
        });
        Assert.Equal(9, seen.Count);
    }

    [Fact]
    public void A_flip_swaps_left_and_right_about_as_often_as_asked()
    {
        var flips = 0;
        Each(ImageAugmentation.Parse("flip:0.25"), 1000, (source, image) =>
        {
            var flipped = Enumerable.Range(0, source.Length).Select(i => source[i / Width * Width + Width - 1 - i % Width]).ToArray();
            var isFlipped = image.SequenceEqual(flipped);
            Assert.True(isFlipped || image.SequenceEqual(source));
            flips += isFlipped ? 1 : 0;
        });
        Assert.InRange(flips, 180, 320);
    }

    [Fact]
    public void An_erased_rectangle_covers_at_most_its_share()
    {
        var sizes = new HashSet<int>();
        Each(ImageAugmentation.Parse("erase:1:0.4"), 300, (source, image) =>
        {
            var erased = Enumerable.Range(0, Height * Width).Where(i => image[i] == 0).ToArray();
            int rows = erased.Max() / Width - erased.Min() / Width + 1, columns = erased.Max(i => i % Width) - erased.Min(i => i % Width) + 1;
            Assert.Equal(rows * columns, erased.Length);
            Assert.InRange(erased.Length, 1, 12);
            Assert.All(erased, i => Assert.Equal(0, image[Height * Width + i])); // the same in every channel
            Assert.Equal(2 * erased.Length, image.Count(value => value == 0));
            sizes.Add(erased.Length);
        });
        Assert.True(sizes.Count > 5);
    }

    [Fact]
    public void A_turn_by_up_to_90_degrees_turns_about_the_middle()
    {
        // A dot right of the middle of a 31 x 31 image moves on a circle around it; with an angle of at most 90 degrees it stays in the right half.
        const int Size = 31;
        var image = new float[Size * Size];
        image[15 * Size + 25] = 1;
        var turned = new AugmentedDataset(new ArrayDataset("dot", image, SampleSpec.Float32(1, Size, Size), [0], 1), ImageAugmentation.Parse("affine:90"));
        double lowest = 31, highest = 0;
        for (var epoch = 0; epoch < 200; epoch++)
        {
            var pixels = Read(turned, new(3, epoch), 0);
            double mass = pixels.Sum(), y = 0, x = 0;
            for (var i = 0; i < pixels.Length; i++)
                (y, x) = (y + pixels[i] * (i / Size) / mass, x + pixels[i] * (i % Size) / mass);
            Assert.InRange(mass, .6, 1.5);
            Assert.InRange(Math.Sqrt((y - 15) * (y - 15) + (x - 15) * (x - 15)), 9.5, 10.5);
            Assert.True(x > 14);
            (lowest, highest) = (Math.Min(lowest, y), Math.Max(highest, y));
        }
        Assert.InRange(lowest, 4.5, 6);
        Assert.InRange(highest, 24, 25.5);
    }

    [Fact]
    public void Reading_allocates_nothing_in_steady_state()
    {
        var dataset = new AugmentedDataset(DigitsSource.Create(50, 0).Train, ImageAugmentation.Parse("crop:2,flip,affine:15:0.1:0.1,erase:0.5"));
        var inputs = new float[50 * 784];
        var labels = new long[50];
        var indices = Enumerable.Range(0, 50).ToArray();
        dataset.Read(Training, indices, inputs, labels);
        var before = GC.GetAllocatedBytesForCurrentThread();
        dataset.Read(Training, indices, inputs, labels);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void It_is_an_option_of_every_kind_of_images_and_part_of_the_fingerprint()
    {
        var plain = DataSources.Open("digits:20,10");
        var augmented = DataSources.Open("digits:20,10?augment=crop:2,flip:0.25");
        Assert.Equal("crop:2,flip:0.25", Assert.IsType<AugmentedDataset>(augmented.Train).Augmentation.ToString());
        Assert.Same(plain.Test!.GetType(), augmented.Test!.GetType());
        Assert.NotEqual(plain.Train.Fingerprint, augmented.Train.Fingerprint);
        Assert.Equal(plain.Test.Fingerprint, augmented.Test.Fingerprint);
    }

    [Theory]
    [InlineData("blur", "'blur' is not known; expected any of crop:<pixels>, flip")]
    [InlineData("crop", "'crop' is not known")]
    [InlineData("crop:1.5", "crop has '1.5'; expected a whole number from 1 to 1000")]
    [InlineData("flip:2", "flip has '2'; expected a number from 0 to 1")]
    [InlineData("affine:100", "affine has '100'; expected a number from 0 to 90")]
    [InlineData("crop:28", "a crop by up to 28 pixels leaves nothing of images of 28 x 28; expected less than 28")]
    public void A_wrong_augmentation_is_refused_in_one_line(string text, string message)
    {
        var error = Assert.Throws<UserErrorException>(() => DataSources.Open($"digits:20,10?augment={text}"));
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Inputs_that_are_no_images_are_refused()
    {
        var error = Assert.Throws<UserErrorException>(() => new AugmentedDataset(new ArrayDataset("rows", [1, 2], SampleSpec.Float32(2), [0], 1), new() { Flip = .5 }));
        Assert.Equal("rows: augmentation is for images, float32 [channels, height, width]; the inputs are float32 [2]", error.Message);
    }

    private static void Each(ImageAugmentation augmentation, int epochs, Action<float[], float[]> check)
    {
        var source = Enumerable.Range(1, 2 * Height * Width).Select(i => (float)i).ToArray();
        var dataset = new AugmentedDataset(new ArrayDataset("numbers", source, SampleSpec.Float32(2, Height, Width), [0], 1), augmentation);
        for (var epoch = 0; epoch < epochs; epoch++)
            check(source, Read(dataset, new(1, epoch), 0));
    }

    private static float[] Read(IDataset dataset, ReadContext context, int index)
    {
        var image = new float[dataset.Inputs.Length];
        dataset.Read(context, [index], image, new long[1]);
        return image;
    }

    private static float[] Shifted(float[] source, int dy, int dx) =>
    [
        .. Enumerable.Range(0, source.Length).Select(i =>
        {
            int y = i / Width % Height - dy, x = i % Width - dx;
            return y is >= 0 and < Height && x is >= 0 and < Width ? source[i - dy * Width - dx] : 0;
        }),
    ];
}
