using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Standby;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Recovery;

/// <summary>
/// A coordinator's right to run the job of a folder of checkpoints: a lease beside them, renewed while it lasts. Who shares the folder and finds the lease expired takes over under the next term; who lost it writes nothing there any more.
/// </summary>
internal sealed class Reign : IDisposable
{
    private const string LeaseName = "coordinator.lease", EndName = "job-ended";
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    private readonly LeaseFile lease;
    private readonly string folder, end;
    private readonly Timer renewal;
    private readonly CancellationTokenSource lost = new();

    private Reign(LeaseFile lease, string folder, TimeSpan expiry)
    {
        (this.lease, this.folder) = (lease, folder);
        var before = StandbyRecord.Read(folder);
        Standby = new StandbyRule(before?.Line ?? Guid.NewGuid(), before);
        end = Path.Combine(folder, EndName);
        renewal = new Timer(_ => Renew(), null, expiry / 4, expiry / 4);
    }

    /// <summary>Cancelled, on another thread, when another coordinator has taken over.</summary>
    public CancellationToken Lost => lost.Token;

    /// <summary>The term.</summary>
    public long Term => lease.Term;

    /// <summary>The folder.</summary>
    public string Folder => folder;

    /// <summary>Whose lease it is: different for each process.</summary>
    public string Owner => lease.Owner;

    /// <summary>What a standby with a folder of its own has to say.</summary>
    public StandbyRule Standby { get; private set; }

    /// <summary>Whether the lease was renewed recently enough that nobody else can have taken over; looks at the own clock only. False in who was halted for long, from the moment it wakes.</summary>
    public bool IsFresh => lease.IsHeld();

    /// <summary>Takes the right, waiting for it as long as it takes.</summary>
    /// <param name="folder">The folder of checkpoints.</param>
    /// <param name="expiry">How long a coordinator may be silent before another takes over.</param>
    /// <param name="standby">Whether another coordinator is expected to run; else one that does is an error.</param>
    /// <param name="note">Told what is waited for.</param>
    /// <param name="stop">Waits no longer.</param>
    /// <returns>Null when the job that was stood by for has ended.</returns>
    /// <exception cref="UserErrorException">Another coordinator runs the job, or the folder cannot be used.</exception>
    public static Reign? Take(string folder, TimeSpan expiry, bool standby, Action<string> note, CancellationToken stop = default)
    {
        var lease = LeaseOf(folder, expiry);
        var patience = System.Diagnostics.Stopwatch.StartNew();
        bool told = false;
        try
        {
            while (!lease.TryAcquire())
            {
                if (standby && HasEnded(folder)) return null;
                if (!standby && patience.Elapsed > expiry * 3) throw new UserErrorException($"--checkpoint-dir {folder}: another coordinator runs this job; give --standby to take over when it fails");
                if (!told) note(standby ? "standing by" : "waiting for the lease of an earlier coordinator to expire");
                told = true;
                stop.WaitHandle.WaitOne(Look);
                stop.ThrowIfCancellationRequested();
            }
            if (standby && HasEnded(folder))
            {
                lease.Release();
                return null;
            }
            return Begin(lease, folder, expiry);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--checkpoint-dir {folder}: cannot be written to: {error.Message}", error);
        }
    }

    /// <summary>A try at the right to a folder of one's own, to stand by with; to be made again and again with the same lease, since who had it before may have failed a moment ago.</summary>
    /// <returns>Null while another has it.</returns>
    /// <exception cref="UserErrorException">The folder cannot be used.</exception>
    public static Reign? TryTake(LeaseFile lease, string folder, TimeSpan expiry)
    {
        try
        {
            if (!lease.TryAcquire()) return null;
            return Begin(lease, folder, expiry);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--checkpoint-dir {folder}: cannot be written to: {error.Message}", error);
        }
    }

    /// <summary>A lease whose file was lost or damaged begins at one again: no term may be one of those that the checkpoints are of.</summary>
    private static Reign Begin(LeaseFile lease, string folder, TimeSpan expiry)
    {
        long saved = CheckpointFile.NewestTerm(folder);
        if (lease.Term <= saved) lease.Raise(saved + 1);
        File.Delete(Path.Combine(folder, EndName));
        return new Reign(lease, folder, expiry);
    }

    /// <summary>The lease of a folder, which is made where it is not there; nothing is taken yet.</summary>
    /// <exception cref="UserErrorException">The folder cannot be made.</exception>
    public static LeaseFile LeaseOf(string folder, TimeSpan expiry)
    {
        _ = new CheckpointFolder(folder);
        return new LeaseFile(Path.Combine(folder, LeaseName), $"{Environment.MachineName}-{Environment.ProcessId}-{Guid.NewGuid():N}", expiry);
    }

    /// <summary>Who has the right to a folder's job, or had it last; null for nobody.</summary>
    public static string? OwnerOf(string folder) => LeaseFile.OwnerOf(Path.Combine(folder, LeaseName));

    /// <summary>Goes on as the coordinator of a line of jobs, under a term that its workers have promised; the standby was this process, so none has a say any more.</summary>
    /// <exception cref="UserErrorException">The folder has passed to another process.</exception>
    public void TakeOver(Guid line, Term term)
    {
        if (!lease.Raise(term.Value)) throw new UserErrorException($"--checkpoint-dir {folder}: another process uses it now");
        StandbyRecord.Delete(folder);
        Standby = new StandbyRule(line);
    }

    /// <summary>Runs an action that only the one who reigns may do; false, without running it, for another.</summary>
    public bool TryFenced(Action action) => lease.TryFenced(action);

    /// <summary>Leaves word that the job is over, for those who stand by.</summary>
    public void End()
    {
        try
        {
            lease.TryFenced(() => File.WriteAllText(end, $"term {Term}\n"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Who stands by then takes over, finds the job done and says so.
        }
    }

    /// <summary>Gives the right up.</summary>
    public void Dispose()
    {
        using (var stopped = new ManualResetEvent(false))
        {
            if (renewal.Dispose(stopped)) stopped.WaitOne();
        }
        lost.Dispose();
        try
        {
            lease.Release();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It expires by itself.
        }
    }

    private static bool HasEnded(string folder) => File.Exists(Path.Combine(folder, EndName));

    private void Renew()
    {
        try
        {
            if (lease.Renew()) return;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (lease.IsHeld()) return;
        }
        lost.Cancel();
    }
}
