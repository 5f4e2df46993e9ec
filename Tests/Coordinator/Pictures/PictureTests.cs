using DistTrain.Coordinator.Pictures;
using ScottPlot;

namespace DistTrain.Tests.Coordinator.Pictures;

public sealed class PictureTests
{
    [Fact]
    public void A_legend_covers_no_line()
    {
        var random = new Random(7);
        int usual = 0, lengthened = 0;
        for (int i = 0; i < 500; i++)
        {
            var (epochs, count) = (random.Next(1, 30), random.Next(1, 6));
            var lines = Enumerable.Range(0, count).Select(_ => Walk(random, epochs)).ToList();
            var all = lines.SelectMany(line => line).ToList();
            var limits = new AxisLimits(0.5, epochs + 0.5, all.Min(p => p.Y) - 0.1, all.Max(p => p.Y) + 0.1);
            var asked = random.Next(2) == 0 ? Alignment.UpperRight : Alignment.LowerRight;
            var (wide, high) = (0.2 + 0.6 * random.NextDouble(), 0.1 + 0.4 * random.NextDouble());
            var (corner, bottom, top) = LegendPlace.Find(lines, limits, wide, high, asked);
            bool isLonger = (bottom, top) != (limits.Bottom, limits.Top);
            // A little less than all, for what rounding leaves at the edge.
            Assert.True(LegendPlace.IsFree(lines, new AxisLimits(limits.Left, limits.Right, bottom, top), wide, high * 0.999, corner), $"case {i}");
            Assert.True(bottom <= limits.Bottom && top >= limits.Top);
            if (isLonger) lengthened++;
            else if (corner == asked) usual++;
            if (!isLonger && corner != asked) Assert.False(LegendPlace.IsFree(lines, limits, wide, high, asked));
        }
        Assert.InRange(usual, 10, 490);
        Assert.InRange(lengthened, 10, 490);
    }

    [Fact]
    public void A_line_between_two_points_outside_crosses_a_corner()
    {
        var limits = new AxisLimits(0, 10, 0, 10);
        Assert.False(LegendPlace.IsFree([[(6, 10), (10, 6)]], limits, 0.3, 0.3, Alignment.UpperRight));
        Assert.True(LegendPlace.IsFree([[(3, 10), (10, 3)]], limits, 0.3, 0.3, Alignment.UpperRight));
        Assert.False(LegendPlace.IsFree([[(9, 9)]], limits, 0.3, 0.3, Alignment.UpperRight));
        Assert.True(LegendPlace.IsFree([], limits, 0.3, 0.3, Alignment.UpperRight));
    }

    [Theory]
    [InlineData("csv:sets/churn.csv?task=binary&test-file=a/b.csv", "churn.csv")]
    [InlineData("csv:churn.csv", "churn.csv")]
    [InlineData("digits:200,40?augment=crop:2", "digits:200,40")]
    [InlineData("digits", "digits")]
    [InlineData("mails", "mails")]
    public void A_title_names_data_without_folders_and_options(string data, string expected) => Assert.Equal(expected, Picture.NameOf(data));

    private static (double X, double Y)[] Walk(Random random, int epochs)
    {
        var line = new (double X, double Y)[epochs];
        double y = random.NextDouble() * 4 - 2;
        for (int i = 0; i < epochs; i++) line[i] = (i + 1, y += random.NextDouble() - 0.5);
        return line;
    }
}
