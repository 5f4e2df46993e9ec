using DistTrain.Data;

namespace DistTrain.Tests.Data;

public class DataSourcesTests
{
    [Fact]
    public void The_documentation_names_every_kind_and_option()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "DistTrain.sln")))
            folder = folder.Parent!;
        var text = File.ReadAllText(Path.Combine(folder.FullName, "docs", "data.md"));
        foreach (var kind in DataSources.Kinds)
        {
            Assert.Contains($"`{kind.Name}", text);
            Assert.All(kind.Options, option => Assert.Contains($"`{option.Name}`", text));
        }
        Assert.Contains($"`{DataSources.Augment.Name}`", text);
    }

    [Fact]
    public void Every_kind_is_named_once_and_says_how_it_is_written()
    {
        Assert.Equal(DataSources.Kinds.Length, DataSources.Kinds.Select(kind => kind.Name).Distinct().Count());
        Assert.All(DataSources.Kinds, kind => Assert.StartsWith(kind.Name, kind.Usage));
        Assert.All(DataSources.Kinds, kind => Assert.Equal(kind.Options.Length, kind.Options.Select(option => option.Name).Distinct().Count()));
        Assert.Contains(DataSources.Kinds, kind => kind.Name == DataSources.Default);
    }

    [Theory]
    [InlineData("digits", "digits", "", "")]
    [InlineData("digits:1,2,3", "digits", "1,2,3", "")]
    [InlineData("csv:C:/a b.csv?target=y&header=no", "csv", "C:/a b.csv", "target=y;header=no")]
    [InlineData("text:a?b.txt?window=3", "text", "a?b.txt", "window=3")]
    public void A_request_is_kind_path_and_options(string text, string kind, string path, string options)
    {
        var spec = DataSpec.Parse(text);
        Assert.Equal((kind, path, options), (spec.Kind, spec.Path, string.Join(';', spec.Options.Select(option => $"{option.Key}={option.Value}"))));
        Assert.Equal(text, spec.ToString());
    }

    [Fact]
    public void A_data_set_of_ones_own_is_a_constructor_and_one_method()
    {
        var parity = new Parity();
        var inputs = new float[20];
        var labels = new long[2];
        parity.Read(ReadContext.Evaluation, [7, 512], inputs, labels);
        Assert.Equal([1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], inputs);
        Assert.Equal([1, 1], labels);
        Assert.Equal(new Parity().Fingerprint, parity.Fingerprint);
    }

    /// <summary>As docs/data.md has it.</summary>
    private sealed class Parity() : Dataset("parity", count: 1000, SampleSpec.Float32(10), SampleSpec.Label)
    {
        public override int Classes => 2;

        protected override void ReadSample(ReadContext context, int index, SampleSpan input, SampleSpan target)
        {
            for (var bit = 0; bit < 10; bit++)
                input.Float32[bit] = index >> bit & 1;
            target.Int64[0] = System.Numerics.BitOperations.PopCount((uint)index) & 1;
        }
    }
}
