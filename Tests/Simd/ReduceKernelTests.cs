using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

public class ReduceKernelTests
{
    public static TheoryData<int> Lengths => [0, 1, 2, 15, 16, 17, 100, 4095, 4096, 4097, 10_000];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Sum_runs_sixteen_lanes_in_blocks_of_4096_and_a_fixed_tree(int length)
    {
        var x = KernelReference.Normal(length, 1);
        double total = 0;
        for (var start = 0; start < length; start += 4096)
        {
            var lanes = new float[16];
            for (var i = start; i < Math.Min(length, start + 4096); i++)
                lanes[(i - start) % 16] += x[i];
            for (var distance = 8; distance > 0; distance /= 2)
            {
                for (var j = 0; j < distance; j++)
                    lanes[j] += lanes[j + distance];
            }
            total += lanes[0];
        }
        Assert.Equal((float)total, Reduce.Sum(x));
        KernelReference.Close(x.Sum(v => (double)v), Reduce.Sum(x), 1e-5 * Math.Sqrt(length + 1), "sum");
        Assert.Equal(Reduce.Dot(x, x), Reduce.SumOfSquaredDifferences(x, 0f));
        KernelReference.Close(x.Sum(v => (double)v * v), Reduce.Dot(x, x), 1e-5, "dot");
    }

    [Fact]
    public void Sums_of_squares_are_exact_products_in_double_by_block()
    {
        var x = KernelReference.Normal(10_000, 2, 1e10);
        var blocks = new double[3];
        Reduce.SumOfSquaresByBlock(x, blocks);
        Assert.Equal(Reduce.SumOfSquares(x.AsSpan(4096, 4096)), blocks[1]);
        var exact = x.Sum(v => (double)v * v);
        Assert.InRange(TreeReduce.Sum(blocks) / exact, 1 - 1e-14, 1 + 1e-14);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(33)]
    public void Extremes_find_the_first_and_NaN_wins(int length)
    {
        var x = KernelReference.Normal(length, 3);
        Assert.Equal(x.Max(), Reduce.Max(x));
        Assert.Equal(x.Min(), Reduce.Min(x));
        Assert.Equal(Array.IndexOf(x, x.Max()), Reduce.ArgMax(x));
        Assert.Equal(Array.IndexOf(x, x.Min()), Reduce.ArgMin(x));
        Array.Fill(x, -3f);
        Assert.Equal(0, Reduce.ArgMax(x));
        x[^1] = float.NaN;
        Assert.True(float.IsNaN(Reduce.Max(x)) && float.IsNaN(Reduce.Min(x)));
        Assert.Equal(length - 1, Reduce.ArgMax(x));
        Assert.Throws<ArgumentException>(() => Reduce.Max([]));
    }

    [Theory]
    [InlineData(3, 5, 1)]
    [InlineData(1, 600, 131)]
    [InlineData(2, 7, 64)]
    [InlineData(3, 300, 19)]
    [InlineData(2, 0, 5)]
    public void Axis_reductions_match_plain_loops(int outer, int n, int inner)
    {
        var x = KernelReference.Normal(outer * n * inner, 4);
        var y = KernelReference.Normal(outer * inner, 5);
        var expected = new double[y.Length];
        for (var i = 0; i < x.Length; i++)
            expected[i / (n * inner) * inner + i % inner] += x[i];
        var sum = (float[])y.Clone();
        Reduce.SumAxis(outer, n, inner, x, sum);
        KernelReference.Close(expected, sum, 1e-5, "sum");
        Reduce.SumAxis(outer, n, inner, x, y, accumulate: true);
        if (n == 0)
            return;
        var largest = new float[y.Length];
        var indices = new long[y.Length];
        Reduce.MaxAxis(outer, n, inner, x, largest, indices);
        for (var o = 0; o < outer; o++)
        {
            for (var i = 0; i < inner; i++)
            {
                var column = Enumerable.Range(0, n).Select(k => x[(o * n + k) * inner + i]).ToArray();
                Assert.Equal(column.Max(), largest[o * inner + i]);
                Assert.Equal(Array.IndexOf(column, column.Max()), indices[o * inner + i]);
            }
        }
    }

    [Fact]
    public void Column_sums_do_not_depend_on_how_columns_are_cut()
    {
        const int Rows = 700, Columns = 149;
        var x = KernelReference.Normal(Rows * Columns, 6);
        var whole = new float[Columns];
        Reduce.ColumnSum(Rows, Columns, x, whole);
        for (var c = 0; c < Columns; c++)
        {
            var one = new float[3];
            var slice = new float[Rows * 3];
            for (var r = 0; r < Rows; r++)
            {
                for (var k = 0; k < 3 && c + k < Columns; k++)
                    slice[r * 3 + k] = x[r * Columns + c + k];
            }
            Reduce.ColumnSum(Rows, 3, slice, one);
            Assert.Equal(one[0], whole[c]);
        }
        var byChannel = new float[7];
        Reduce.ChannelSum(50, 7, 11, x.AsSpan(0, 50 * 7 * 11), byChannel);
        var expected = new double[7];
        for (var i = 0; i < 50 * 7 * 11; i++)
            expected[i / 11 % 7] += x[i];
        KernelReference.Close(expected, byChannel, 1e-5, "channel sum");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(100)]
    public void Tree_in_one_pass_has_the_bits_of_the_pairwise_definition(int leaves)
    {
        const int Length = 1100;
        var random = new Random(leaves);
        var buffers = new ReadOnlyMemory<float>[leaves];
        var weights = new float[leaves];
        for (var i = 0; i < leaves; i++)
        {
            buffers[i] = leaves > 2 && i % 5 == 1 ? default : KernelReference.Normal(Length, 100 + i);
            weights[i] = random.NextSingle();
        }
        var expected = Tree(buffers, weights, 0, leaves)!;
        var actual = new float[Length];
        TreeReduce.Sum(buffers, weights, 0, actual);
        Assert.Equal(expected, actual);
        var part = new float[333];
        TreeReduce.Sum(buffers, weights, 700, part);
        Assert.Equal(expected[700..1033], part.AsEnumerable());
        var plain = new float[Length];
        TreeReduce.Sum(buffers, [], 0, plain);
        Assert.Equal(Tree(buffers, [.. Enumerable.Repeat(1f, leaves)], 0, leaves)!, plain.AsEnumerable());
    }

    [Fact]
    public void Tree_of_numbers_splits_below_the_largest_power_of_two()
    {
        Assert.Equal([1, 2, 2, 4, 4, 4, 4, 8], new[] { 2, 3, 4, 5, 6, 7, 8, 9 }.Select(n => TreeReduce.Split(0, n)));
        double[] x = [1, 1e16, -1e16, 1, 3];
        Assert.Equal(1 + 1e16 + (-1e16 + 1) + 3, TreeReduce.Sum(x));
        Assert.Throws<ArgumentException>(() => TreeReduce.Sum([default], [], 0, new float[3]));
    }

    private static float[]? Tree(ReadOnlyMemory<float>[] leaves, float[] weights, int lo, int hi)
    {
        if (hi - lo == 1)
            return leaves[lo].Length == 0 ? null : [.. leaves[lo].ToArray().Select(v => v * weights[lo])];
        var half = 1;
        while (half * 2 < hi - lo)
            half *= 2;
        var left = Tree(leaves, weights, lo, lo + half);
        var right = Tree(leaves, weights, lo + half, hi);
        return left is null ? right : right is null ? left : [.. left.Zip(right, (a, b) => a + b)];
    }
}
