using DistTrain.Protocol;
using DistTrain.Transport;

namespace DistTrain.Coordinator.Standby;

/// <summary>
/// Which checkpoint is on its way to the standby, and which one is next. One that is under way is finished before a newer one is begun, or none would ever arrive where they come faster than they travel; those in between are left out. Each
/// is told of once: when it has arrived, or when nobody waits for that any more.
/// </summary>
/// <param name="tell">Told events.</param>
internal sealed class CheckpointDelivery(Action<RunEvent> tell) : IDisposable
{
    private CheckpointSource? source;
    private RunEvent.CheckpointDone? current, next;
    private string refusal = "";

    /// <summary>The one under way, and how many bytes it has; null for none.</summary>
    public (long Step, long Bytes)? UnderWay => source is null ? null : (source.Step, source.Length);

    /// <summary>A checkpoint that was there before the standby came: it is sent where nothing else is, and not told of again.</summary>
    public void Offer(long step, string path)
    {
        if (source is null) Open(step, path, null);
    }

    /// <summary>A checkpoint is in the folder.</summary>
    public void Add(RunEvent.CheckpointDone done)
    {
        if (source is null)
        {
            Open(done.Step, done.Path, done);
        }
        else if (source.Step == done.Step && current is null)
        {
            // It was found in the folder a moment before it was told of.
            current = done;
        }
        else
        {
            Tell(next, arrived: false);
            next = done;
        }
    }

    /// <summary>Nobody waits for what is under way: it is told of now. The newest is sent all the same.</summary>
    public void WaitNoLonger()
    {
        Tell(current, arrived: false);
        Tell(next, arrived: false);
        if (next is { } newest) Open(newest.Step, newest.Path, null);
        (current, next) = (null, null);
    }

    /// <summary>There is nobody to send it to any more.</summary>
    public void Stop()
    {
        Tell(current, arrived: null);
        Tell(next, arrived: null);
        (current, next) = (null, null);
        Dispose();
    }

    /// <summary>Reads pieces and sends them, on another thread.</summary>
    public void Send(ITensorChannel channel, Standbys.PiecesWanted wanted)
    {
        if (source is not { } from || from.Step != wanted.Step) return;
        _ = Task.Run(() =>
        {
            try
            {
                from.Send(channel, wanted.Job, wanted.Offset, wanted.Pieces);
            }
            catch (ObjectDisposedException)
            {
                // Another checkpoint took its place meanwhile.
            }
            catch (IOException error)
            {
                tell(new RunEvent.Noted($"the checkpoint of step {from.Step} cannot be read for the standby: {error.Message}"));
            }
        });
    }

    /// <summary>The standby has it, or did not take what arrived.</summary>
    public void Heard(Standbys.Fetched fetched)
    {
        if (source?.Step != fetched.Step) return;
        if (fetched.Refusal.Length > 0)
        {
            // Told once; it is asked for again and again.
            if (refusal != fetched.Refusal) tell(new RunEvent.Noted($"the standby did not take the checkpoint of step {fetched.Step}: {fetched.Refusal}"));
            refusal = fetched.Refusal;
            return;
        }
        refusal = "";
        Tell(current, arrived: true);
        Dispose();
        if (next is { } following) Open(following.Step, following.Path, following);
        next = null;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        source?.Dispose();
        (source, current) = (null, null);
    }

    private void Open(long step, string path, RunEvent.CheckpointDone? told)
    {
        Dispose();
        try
        {
            (source, current) = (new CheckpointSource(step, path), told);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It may have been dropped for newer ones; another will come.
            tell(new RunEvent.Noted($"the checkpoint of step {step} cannot be read for the standby: {error.Message}"));
            Tell(told, arrived: false);
        }
    }

    private void Tell(RunEvent.CheckpointDone? done, bool? arrived)
    {
        if (done is not null) tell(done with { OnStandby = arrived });
    }
}
