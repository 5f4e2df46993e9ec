using DistTrain.Worker;

namespace DistTrain.Tests.Worker;

public class WeightVersionsTests
{
    [Fact]
    public void A_version_counts_when_all_of_its_buckets_are_here_not_when_all_have_come_as_far()
    {
        var versions = new WeightVersions(buckets: 3, slots: 2);
        versions.Add(0, 7);
        versions.Add(2, 8);
        Assert.Empty(versions.Skipped());
        versions.Add(1, 8);
        Assert.Equal((-1L, false), (versions.Whole, versions.IsWhole(7)));
        Assert.Equal([7L, 8, 8], versions.Newest.ToArray());
        Assert.Equal([1, 2], versions.Skipped().ToArray());
        Assert.True(versions.MustAsk());
        Assert.False(versions.MustAsk());
        versions.Add(2, 7);
        Assert.Equal([1], versions.Skipped().ToArray());
        versions.Add(1, 7);
        versions.Add(1, 7);
        Assert.Equal((7L, true, false), (versions.Whole, versions.IsWhole(7), versions.IsWhole(8)));
        Assert.Empty(versions.Skipped());
        versions.Add(0, 8);
        Assert.Equal((8L, true), (versions.Whole, versions.IsWhole(8)));
        versions.Clear();
        Assert.Equal((-1L, false), (versions.Whole, versions.IsWhole(8)));
    }

    [Fact]
    public void What_a_newer_version_has_taken_the_place_of_is_no_longer_whole_and_not_asked_for()
    {
        var versions = new WeightVersions(buckets: 2, slots: 2);
        versions.Add(0, 1);
        versions.Add(1, 1);
        versions.Add(1, 3);
        Assert.Equal((1L, false), (versions.Whole, versions.IsWhole(1)));
        versions.Add(0, 2);
        Assert.Equal([1], versions.Skipped().ToArray());
        versions.Add(0, 4);
        Assert.False(versions.MustAsk() && versions.Skipped().IsEmpty);
        versions.Add(0, 3);
        Assert.Equal(3, versions.Whole);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void In_any_order_of_arrival_a_version_is_whole_exactly_when_each_bucket_of_it_was_added(int slots)
    {
        const int Buckets = 5, Span = 12;
        for (int seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var versions = new WeightVersions(Buckets, slots);
            var added = new HashSet<(int, long)>();
            long[] places = [.. Enumerable.Repeat(-1L, slots)];
            long whole = -1, floor = 0;
            for (int i = 0; i < 200; i++)
            {
                if (random.Next(12) == 0) floor = Math.Min(floor + 1, Span - slots);
                int bucket = random.Next(Buckets);
                long version = floor + random.Next(slots);
                // A version that has lost its place to a newer one begins anew, should it ever come back: it does not.
                if (version >= places[version % slots]) added.Add((bucket, version));
                places[version % slots] = Math.Max(places[version % slots], version);
                versions.Add(bucket, version);
                bool IsHere(long v) => places[v % slots] == v && Enumerable.Range(0, Buckets).All(b => added.Contains((b, v)));
                if (IsHere(version)) whole = Math.Max(whole, version);
                Assert.Equal(whole, versions.Whole);
                for (long v = 0; v < Span; v++) Assert.Equal(IsHere(v), versions.IsWhole(v));
                long oldest = versions.Newest.ToArray().Min();
                Assert.All(versions.Skipped(), skipped => Assert.DoesNotContain((skipped, oldest), added));
            }
        }
    }
}
