using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

public class PhiloxTests
{
    // Random123's kat_vectors for philox4x32 with 10 rounds.
    [Theory]
    [InlineData(0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Generate_gives_the_published_test_vectors(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint x, uint y, uint z, uint w)
        => Assert.Equal((x, y, z, w), Philox.Generate(c0, c1, c2, c3, k0, k1));

    [Fact]
    public void Fill_lays_the_words_of_sixteen_counters_side_by_side()
    {
        var key = RandomKey.Create(42, 1, 2, 3);
        var words = new uint[300];
        Philox.FillWords(words, key);
        for (var i = 0; i < words.Length; i++)
        {
            var (x, y, z, w) = Philox.Generate(key, (ulong)(i / 64 * 16 + i % 16));
            Assert.Equal(new[] { x, y, z, w }[i / 16 % 4], words[i]);
        }
    }

    [Theory]
    [InlineData("words")]
    [InlineData("uniform")]
    [InlineData("normal")]
    [InlineData("mask")]
    [InlineData("dropout")]
    public void Numbers_do_not_depend_on_how_a_buffer_is_cut(string kind)
    {
        var key = RandomKey.Create(7, 5, 1);
        var whole = Make(kind, key, 1000, 0);
        foreach (var cut in new[] { 1, 15, 64, 100, 777, 999 })
            Assert.Equal(whole, Make(kind, key, cut, 0).Concat(Make(kind, key, 1000 - cut, cut)));
        var far = Make(kind, key, 10, (1L << 36) + 3);
        Assert.Equal(far.Skip(4), Make(kind, key, 6, (1L << 36) + 7));
    }

    [Fact]
    public void Keys_that_differ_in_one_word_or_in_length_give_other_streams()
    {
        RandomKey[] keys =
        [
            RandomKey.Create(1, 2), RandomKey.Create(2, 1), RandomKey.Create(1, 2, 0), RandomKey.Create(1, 2, 0, 0), RandomKey.Create(1, 2, 1, 0),
            RandomKey.Create(1, 2, 0, 1), RandomKey.Create(1, 2).Derive(0), RandomKey.Create(1, 2).Derive(1), RandomKey.Create(0, 0), RandomKey.Create(0, 0, 0),
        ];
        Assert.Equal(keys.Length, keys.Select(k => k.Key).Distinct().Count());
        Assert.Equal(keys.Length, keys.Select(k => k.Stream).Distinct().Count());
        Assert.Equal(keys.Length, keys.Select(k => Philox.Generate(k, 0)).Distinct().Count());
    }

    [Fact]
    public void Uniform_numbers_stay_in_range_and_are_even()
    {
        var x = new float[1 << 16];
        Philox.FillUniform(x, RandomKey.Create(3, 1), -2f, 5f);
        Assert.All(x, v => Assert.InRange(v, -2f, MathF.BitDecrement(5f)));
        var bins = x.GroupBy(v => (int)MathF.Floor(v)).ToDictionary(g => g.Key, g => g.Count());
        var chiSquared = bins.Values.Sum(n => Math.Pow(n - x.Length / 7.0, 2) / (x.Length / 7.0));
        Assert.Equal(7, bins.Count);
        Assert.InRange(chiSquared, 0, 22.5);

        Philox.FillUniform(x, RandomKey.Create(3, 2), 1f, MathF.BitIncrement(1f));
        Assert.All(x, v => Assert.Equal(1f, v));
    }

    [Fact]
    public void Normal_numbers_have_the_moments_of_their_distribution()
    {
        var x = new float[1 << 18];
        Philox.FillNormal(x, RandomKey.Create(9, 1), 1f, 2f);
        var mean = x.Average(v => (double)v);
        var variance = x.Average(v => (v - mean) * (v - mean));
        Assert.InRange(mean, 1 - 0.016, 1 + 0.016);
        Assert.InRange(variance, 4 - 0.045, 4 + 0.045);
        Assert.InRange(x.Average(v => Math.Pow((v - 1) / 2, 3)), -0.02, 0.02);
        Assert.InRange(x.Average(v => Math.Pow((v - 1) / 2, 4)), 2.92, 3.08);
        Assert.InRange(x.Count(v => Math.Abs(v - 1) > 3.92) / (double)x.Length, 0.0485, 0.0515);
    }

    [Fact]
    public void Permutation_is_one_and_every_order_is_as_likely()
    {
        var permutation = new int[1000];
        Philox.Permutation(permutation, RandomKey.Create(1, 1));
        Assert.Equal(Enumerable.Range(0, 1000), permutation.Order());

        var counts = new Dictionary<int, int>();
        var four = new int[4];
        for (ulong i = 0; i < 24_000; i++)
        {
            Philox.Permutation(four, RandomKey.Create(11, 1, i));
            var code = four[0] * 64 + four[1] * 16 + four[2] * 4 + four[3];
            counts[code] = counts.GetValueOrDefault(code) + 1;
        }
        Assert.Equal(24, counts.Count);

        // 23 degrees of freedom: 49.7 is passed by chance once in a thousand.
        Assert.InRange(counts.Values.Sum(n => (n - 1000.0) * (n - 1000.0) / 1000), 0, 49.7);
    }

    [Fact]
    public void Dropout_keeps_its_share_and_scales_it()
    {
        var x = Enumerable.Repeat(1f, 100_000).ToArray();
        var y = new float[x.Length];
        Philox.Dropout(x, y, 0.3f, RandomKey.Create(5, 1));
        Assert.InRange(y.Count(v => v == 0) / 100_000.0, 0.295, 0.305);
        Assert.All(y, v => Assert.True(v == 0 || v == 1f / 0.7f));
        var sum = (float[])y.Clone();
        Philox.Dropout(x, sum, 0.3f, RandomKey.Create(5, 1), accumulate: true);
        Assert.Equal(y.Select(v => v + v), sum);
        Philox.Dropout(x, y, 1f, RandomKey.Create(5, 1));
        Assert.All(y, v => Assert.Equal(0f, v));
        Philox.Dropout(x, y, 0f, RandomKey.Create(5, 1));
        Assert.Equal(x, y);
        Assert.Throws<ArgumentOutOfRangeException>(() => Philox.Dropout(x, y, 1.5f, RandomKey.Create(5, 1)));
    }

    private static double[] Make(string kind, RandomKey key, int length, long offset)
    {
        var x = new float[length];
        switch (kind)
        {
            case "words":
                var words = new uint[length];
                Philox.FillWords(words, key, offset);
                return [.. words.Select(w => (double)w)];
            case "uniform": Philox.FillUniform(x, key, 0, 1, offset); break;
            case "normal": Philox.FillNormal(x, key, 0, 1, offset); break;
            case "mask": Philox.DropoutMask(x, 0.4f, key, offset); break;
            default:
                Array.Fill(x, 3f);
                Philox.Dropout(x, x, 0.4f, key, offset);
                break;
        }
        return [.. x.Select(v => (double)v)];
    }
}
