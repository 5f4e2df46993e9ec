using DistTrain.Training;

namespace DistTrain.Coordinator.Reduction;

/// <summary>A server's row of the timeline. What is shown is the time in which threads were at a bucket, not that in which it lay because all were computing. Averaging and stepping share one pass over memory: they are shown one after the other, in proportion to the threads' time.</summary>
internal sealed class ServerSpans(Timeline timeline, string row)
{
    /// <summary>A phase of a bucket is done.</summary>
    public void Done(BucketState state)
    {
        int bucket = state.Bucket.Index;
        foreach (var spell in state.Work.Times!.Spells())
        {
            switch (state.Work.Phase)
            {
                case BucketPhase.Reduce:
                    timeline.Add(row, "reduce", spell.Began, spell.Ended, state.Version, bucket);
                    break;
                case BucketPhase.ReduceAndStep:
                    timeline.Add(row, "reduce", spell.Began, spell.ReduceEnded, state.Version, bucket);
                    timeline.Add(row, "step", spell.ReduceEnded, spell.Ended, state.Version, bucket);
                    break;
                default:
                    timeline.Add(row, "step", spell.Began, spell.Ended, state.Version, bucket);
                    break;
            }
        }
    }

    /// <summary>A bucket of the version after the step was published.</summary>
    public void Broadcast(long start, BucketState state) => timeline.Add(row, "broadcast", start, Timeline.Now, state.Version - 1, state.Bucket.Index);
}
