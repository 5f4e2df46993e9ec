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
                placer.Arrived(new FrameHeader { Step = 2 * round + which });
                together.SignalAndWait();
                if (which == 0) continue;
                // What comes again must not be written where it may be in use.
                Assert.Equal(Placement.Take, placer.Place(new FrameHeader { Step = 2 * round + 1 }, out var destination, out _));
                if (ReferenceEquals(destination.Buffer, store.TryOpen(2 * round + 1))) forgotten++;
            }
        }
        var other = new Thread(() => Arrive(0)) { IsBackground = true };
        other.Start();
        Arrive(1);
        other.Join();
        Assert.Equal(0, forgotten);
    }
}
