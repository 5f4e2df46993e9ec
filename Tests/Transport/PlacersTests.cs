using System.Collections.Immutable;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Transport.Frames;

namespace DistTrain.Tests.Transport;

public class PlacersTests
{
    [Fact]
    public void Weights_that_arrive_on_several_connections_at_once_leave_the_newest_version_known()
    {
        const int Rounds = 20_000;
        var buckets = new BucketPlan(new ParameterLayout([("w", ImmutableArray.Create(16))]), 1, 1 << 10);
        var store = new WeightStore(0, new FloatBuffer(buckets.Layout.Length), staleness: 1);
        var placer = new WeightPlacer(buckets, store);
        using var together = new Barrier(2);
        int forgotten = 0;
        void Arrive(int which)
        {
            for (int round = 1; round <= Rounds; round++)
            {
                together.SignalAndWait();
                // Versions that take the same place of the store.
                placer.Arrived(new FrameHeader { Step = store.Slots * (2 * round + which) });
                together.SignalAndWait();
                if (which == 0) continue;
                // What comes again must not be written where it may be in use.
                Assert.Equal(Placement.Take, placer.Place(new FrameHeader { Step = store.Slots * (2 * round + 1) }, out var destination, out _));
                if (ReferenceEquals(destination.Buffer, store.TryOpen(store.Slots * (2 * round + 1)))) forgotten++;
            }
        }
        var other = new Thread(() => Arrive(0)) { IsBackground = true };
        other.Start();
        Arrive(1);
        other.Join();
        Assert.Equal(0, forgotten);
    }

    [Fact]
    public void An_older_version_that_comes_after_a_newer_one_goes_to_its_own_place_once_and_nowhere_when_that_is_taken()
    {
        var buckets = new BucketPlan(new ParameterLayout([("w", ImmutableArray.Create(16))]), 1, 1 << 10);
        var store = new WeightStore(-1, new FloatBuffer(buckets.Layout.Length));
        var placer = new WeightPlacer(buckets, store);
        TensorSlice Arrive(long version)
        {
            Assert.Equal(Placement.Take, placer.Place(new FrameHeader { Step = version }, out var destination, out _));
            placer.Arrived(new FrameHeader { Step = version });
            return destination;
        }
        Assert.Same(store.Open(4), Arrive(4).Buffer);
        Assert.Same(store.Open(3), Arrive(3).Buffer);
        Assert.NotSame(store.Open(4), store.Open(3));
        Assert.NotSame(store.Open(3), Arrive(3).Buffer);
        Assert.Same(store.Open(5), Arrive(5).Buffer);
        Assert.Equal(Placement.Discard, placer.Place(new FrameHeader { Step = 3 }, out _, out _));
        Assert.Equal(Placement.Refuse, placer.Place(new FrameHeader { Step = -1 }, out _, out _));
    }
}
