using DistTrain.Data;

namespace DistTrain.Tests.Data;

public class SamplerTests
{
    [Theory]
    [InlineData(1000, 0)]
    [InlineData(1000, 64)]
    [InlineData(1, 0)]
    [InlineData(7, 64)]
    public void An_epoch_has_every_sample_once(int count, int blockSize)
    {
        var sampler = new Sampler(count, seed: 5, blockSize: blockSize);
        for (var epoch = 0; epoch < 3; epoch++)
            Assert.Equal(Enumerable.Range(0, count), Order(sampler, epoch).Order());
    }

    [Fact]
    public void An_order_depends_on_seed_and_epoch_only()
    {
        var one = new Sampler(500, seed: 5);
        var other = new Sampler(500, seed: 5);
        var first = Order(one, 0);
        Order(one, 1);
        Order(one, 2);
        Assert.Equal(Order(one, 2), Order(other, 2));
        Assert.Equal(first, Order(other, 0));
        Assert.NotEqual(first, Order(other, 1));
        Assert.NotEqual(first, Order(new Sampler(500, seed: 6), 0));
    }

    [Fact]
    public void The_order_of_a_seed_never_changes() =>
        Assert.Equal("2 0 1 8 3 7 6 9 4 5", string.Join(" ", Order(new Sampler(10, seed: 1), 0)));

    [Fact]
    public void Every_place_is_equally_likely()
    {
        var counts = new int[5, 5];
        for (var epoch = 0; epoch < 5000; epoch++)
        {
            var order = Order(new Sampler(5, seed: 9), epoch);
            for (var i = 0; i < 5; i++)
                counts[i, order[i]]++;
        }
        foreach (var count in counts)
            Assert.InRange(count, 870, 1130); // 1000 expected, four and a half standard deviations of 28.3
    }

    [Fact]
    public void A_shuffle_by_blocks_keeps_samples_near_their_blocks()
    {
        const int Block = 10;
        var order = Order(new Sampler(10_000, seed: 3, blockSize: Block), 0);
        var together = Block * Sampler.BlocksTogether;
        for (var start = 0; start < order.Length; start += together)
        {
            var blocks = order.AsSpan(start, together).ToArray().Select(sample => sample / Block).Distinct().Count();
            Assert.Equal(Sampler.BlocksTogether, blocks);
        }
        Assert.NotEqual(order, order.Order());
    }

    [Fact]
    public void Without_shuffle_and_in_evaluation_the_order_is_the_data_sets_own()
    {
        var indices = new int[4];
        new Sampler(10, seed: 1, shuffle: false).Read(new(3, 2, 4), indices);
        Assert.Equal([2, 3, 4, 5], indices);
        new Sampler(10, seed: 1).Read(SampleRange.Evaluation(6, 4), indices);
        Assert.Equal([6, 7, 8, 9], indices);
    }

    [Fact]
    public void Reading_across_two_epochs_allocates_nothing()
    {
        var sampler = new Sampler(1000, seed: 1, blockSize: 16);
        var indices = new int[10];
        sampler.Read(new(0, 0, 10), indices);
        sampler.Read(new(1, 0, 10), indices);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var epoch = 0; epoch < 10; epoch++)
        {
            sampler.Read(new(epoch, 990, 10), indices);
            sampler.Read(new(epoch + 1, 0, 10), indices);
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [InlineData(-1, 5)]
    [InlineData(8, 3)]
    [InlineData(int.MaxValue, 5)]
    public void A_range_beyond_the_data_is_refused(int start, int count) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Sampler(10, 0).Read(new(0, start, count), new int[10]));

    private static int[] Order(Sampler sampler, int epoch)
    {
        var order = new int[sampler.Count];
        sampler.Read(new(epoch, 0, sampler.Count), order);
        return order;
    }
}
