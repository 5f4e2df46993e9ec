using DistTrain.Training;

namespace DistTrain.Coordinator.Reduction;

/// <summary>A server's row of the timeline. Averaging and stepping share one pass over memory: they are shown one after the other, in proportion to the threads' time.</summary>
internal sealed class ServerSpans(Timeline timeline, string row)
{
    /// <summary>A phase of a bucket is done.</summary>
    public void Done(BucketState state)
    {
        long begin = state.Work.Began, end = Timeline.Now;
        int bucket = state.Bucket.Index;
        switch (state.Work.Phase)
        {
            case BucketPhase.Reduce:
                timeline.Add(row, "reduce", begin, end, state.Version, bucket);
                break;
            case BucketPhase.ReduceAndStep:
                long border = begin + Math.Clamp(state.Work.ReduceTicks, 0, end - begin);
                timeline.Add(row, "reduce", begin, border, state.Version, bucket);
                timeline.Add(row, "step", border, end, state.Version, bucket);
                break;
            default:
                timeline.Add(row, "step", begin, end, state.Version, bucket);
                break;
        }
    }

    /// <summary>A bucket of the version after the step was published.</summary>
    public void Broadcast(long start, BucketState state) => timeline.Add(row, "broadcast", start, Timeline.Now, state.Version - 1, state.Bucket.Index);
}
