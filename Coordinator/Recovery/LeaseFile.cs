using System.Text.Json;
using System.Text.Json.Serialization;

namespace DistTrain.Coordinator.Recovery;

/// <summary>
/// A lease in a file that several nodes share: at most one holds it, and each holder gets a number larger than all before (the fencing number, a coordinator's term). The holder renews it by counting
/// up; who else wants it must have seen the count stand still for the whole expiry on a clock of its own, so no two machines' clocks are ever compared. A holder that was paused for longer than the expiry
/// finds at its next look that the lease is another's.
/// </summary>
public sealed class LeaseFile
{
    private readonly string path;
    private readonly string owner;
    private readonly TimeSpan expiry;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private Record? watched;
    private long watchedSince;
    private Record? held;
    private long renewedAt;

    /// <summary>Uses a file; nothing is taken yet.</summary>
    /// <param name="path">The file; a second one beside it, ending in <c>.lock</c>, guards changes.</param>
    /// <param name="owner">Who asks: different for each lifetime of each node.</param>
    /// <param name="expiry">How long a lease lasts that is not renewed.</param>
    /// <param name="time">The clock; only differences of its timestamps are used.</param>
    public LeaseFile(string path, string owner, TimeSpan expiry, TimeProvider? time = null)
    {
        (this.path, this.owner, this.expiry) = (path, owner, expiry);
        this.time = time ?? TimeProvider.System;
    }

    /// <summary>Who asks.</summary>
    public string Owner => owner;

    /// <summary>The fencing number of the lease that is held; 0 for none.</summary>
    public long Term
    {
        get
        {
            lock (gate) return held?.Term ?? 0;
        }
    }

    /// <summary>Takes the lease where it is free, released, expired, or held by this owner already. To be repeated by who wants it: expiry is noticed by watching.</summary>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public bool TryAcquire()
    {
        lock (gate)
        {
            // Who only watches takes no part in the lock: were it halted there, it would cost the holder its lease.
            if (IsAnothers(Read())) return false;
            using var guard = Guard();
            if (guard == null) return false;
            var current = Read();
            if (IsAnothers(current)) return false;
            bool ours = current?.Owner == owner && held != null;
            Write(new Record(owner, (current?.Term ?? 0) + (ours ? 0 : 1), (current?.Beat ?? 0) + 1));
            return true;
        }
    }

    /// <summary>Makes the fencing number at least so high, while the lease is ours; false when it is another's.</summary>
    public bool Raise(long term)
    {
        lock (gate)
        {
            using var guard = Guard();
            if (held == null || guard == null || Read() is not { } current || current.Owner != owner || current.Term != held.Term) return false;
            Write(current with { Term = Math.Max(term, current.Term), Beat = current.Beat + 1 });
            return true;
        }
    }

    /// <summary>Who holds the lease in a file, expired or not; null where nobody does.</summary>
    public static string? OwnerOf(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), LeaseJson.Default.Record) is { Owner.Length: > 0 } record ? record.Owner : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Counts up; false when the lease has passed to another, or was released.</summary>
    public bool Renew()
    {
        lock (gate)
        {
            if (held == null) return false;
            using var guard = Guard();
            if (guard == null) return IsFresh();
            var current = Read();
            if (current is null || current.Owner != owner || current.Term != held.Term)
            {
                held = null;
                return false;
            }
            Write(current with { Beat = current.Beat + 1 });
            return true;
        }
    }

    /// <summary>
    /// Runs an action while the lease is certain to be ours: changes of hands wait for it, and so do renewals, so it must be short. What a paused holder must not do late (putting a checkpoint in place) goes here.
    /// </summary>
    /// <returns>False, without running it, when the lease is another's.</returns>
    public bool TryFenced(Action action)
    {
        lock (gate)
        {
            if (held == null) return false;
            using var guard = Guard();
            if (guard == null || Read() is not { } current || current.Owner != owner || current.Term != held.Term) return false;
            action();
            return true;
        }
    }

    /// <summary>Whether it was renewed recently enough that nobody else can have taken it; looks at the own clock only.</summary>
    public bool IsHeld()
    {
        lock (gate) return held != null && IsFresh();
    }

    /// <summary>Gives the lease up, so that another need not wait for it to expire.</summary>
    public void Release()
    {
        lock (gate)
        {
            if (held == null) return;
            using var guard = Guard();
            if (guard != null && Read() is { } current && current.Owner == owner) Store(current with { Owner = "" });
            held = null;
        }
    }

    private bool IsFresh() => time.GetElapsedTime(renewedAt) < expiry;

    private bool IsAnothers(Record? current) => current is { Owner.Length: > 0 } && current.Owner != owner && !HasExpired(current);

    private bool HasExpired(Record current)
    {
        if (current != watched)
        {
            (watched, watchedSince) = (current, time.GetTimestamp());
            return false;
        }
        return time.GetElapsedTime(watchedSince) >= expiry;
    }

    private void Write(Record record)
    {
        // The clock is read before the write: the lease is never believed to last longer than others grant it.
        long now = time.GetTimestamp();
        Store(record);
        (held, renewedAt) = (record, now);
    }

    /// <summary>On disk before it is in its place: a machine that crashes must not leave an empty file, from which numbers would begin at one again.</summary>
    private void Store(Record record) => Nn.Files.AtomicFile.Write(path, stream => stream.Write(JsonSerializer.SerializeToUtf8Bytes(record, LeaseJson.Default.Record)));

    /// <summary>What the file says; null where it is not there or not readable as a lease, which then counts as free.</summary>
    private Record? Read()
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), LeaseJson.Default.Record);
        }
        catch (Exception error) when (error is FileNotFoundException or JsonException)
        {
            return null;
        }
    }

    /// <summary>The right to change the file; null when somebody has had it for a second, which nobody needs.</summary>
    private FileStream? Guard()
    {
        long start = time.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path))))
            {
                if (time.GetElapsedTime(start) > TimeSpan.FromSeconds(1)) return null;
                Thread.Sleep(5);
            }
        }
    }

    /// <summary>The file's content.</summary>
    internal sealed record Record(
        [property: JsonPropertyName("owner")] string Owner, [property: JsonPropertyName("term")] long Term, [property: JsonPropertyName("beat")] long Beat);
}

[JsonSerializable(typeof(LeaseFile.Record))]
internal sealed partial class LeaseJson : JsonSerializerContext;
