using DistTrain.Data;

namespace DistTrain.Tests.Data;

[Collection(AloneCollection.Name)]
public class DataLoaderAllocationTests
{
    [Fact]
    public void Loading_allocates_nothing_in_steady_state()
    {
        var split = DigitsSource.Create(256, 0);
        using var digits = new DataLoader(split.Train, seed: 1, capacity: 16);
        var batches = new Batches(256, 32, 2);
        Load(0, 20);
        // The runtime's own threads allocate now and then; the least of several rounds is what loading itself needs.
        var least = long.MaxValue;
        for (var round = 0; round < 20 && least > 0; round++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            Load(20 + (round * 20), 40 + (round * 20));
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        Assert.Equal(0, least);

        void Load(long from, long to)
        {
            for (var step = from; step < to; step++)
            {
                for (var shard = 0; shard < 2; shard++)
                {
                    digits.Load(batches.Piece(step, shard));
                    digits.Prefetch(batches.Piece(step + 1, shard));
                }
            }
        }
    }
}
