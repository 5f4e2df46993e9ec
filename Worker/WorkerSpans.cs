using DistTrain.Training;

namespace DistTrain.Worker;

/// <summary>A compute thread's row of the timeline. Forward ends where backward announces its first gradient.</summary>
internal sealed class WorkerSpans(Timeline timeline, string row) : IGradientSink
{
    private long step, idleSince, began;
    private bool backward;

    /// <summary>A step's work begins: it was idle until now.</summary>
    public void Begin(long step)
    {
        if (idleSince != 0) timeline.Add(row, "wait", idleSince, Timeline.Now, step);
        this.step = step;
    }

    public void ForwardBegins()
    {
        backward = false;
        began = Timeline.Now;
    }

    public void BackwardBegins()
    {
        if (backward) return;
        backward = true;
        long now = Timeline.Now;
        timeline.Add(row, "forward", began, now, step);
        began = now;
    }

    public void BackwardEnds()
    {
        if (backward) timeline.Add(row, "backward", began, Timeline.Now, step);
    }

    /// <summary>Within forward or backward: for a bucket of the weights that were not there yet.</summary>
    public void Waited(long start, int bucket) => timeline.Add(row, "wait", start, Timeline.Now, step, bucket);

    public void Sent(long start, int bucket) => timeline.Add(row, "send", start, Timeline.Now, step, bucket);

    public void End() => idleSince = Timeline.Now;

    /// <inheritdoc/>
    public void Ready(int offset, int length) => BackwardBegins();
}
