using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Transport;
using DistTrain.Transport.Frames;

namespace DistTrain.Coordinator.Standby;

/// <summary>How a checkpoint's file travels over a tensor channel: cut into pieces of one length, the last one filled up with zeros.</summary>
internal static class CheckpointPieces
{
    /// <summary>Floats of a piece.</summary>
    public const int Floats = 256 << 10;

    /// <summary>Bytes of a piece.</summary>
    public const int Bytes = Floats * sizeof(float);

    /// <summary>Pieces that are under way at most.</summary>
    public const int MostAtOnce = 8;
}

/// <summary>The primary's side: reads pieces of one checkpoint's file, which stays readable when it is dropped from the folder meanwhile.</summary>
internal sealed class CheckpointSource : IDisposable
{
    // The next question may overtake the confirmation of what the one before asked for.
    private const int MostBuffers = 2 * CheckpointPieces.MostAtOnce;

    private readonly FileStream file;
    // Oldest first: a channel that hands over references, as within one process, is done at once, and its receiver may still read.
    private readonly ConcurrentQueue<FloatBuffer> free = [];
    private readonly Lock gate = new();
    private int made;

    /// <summary>Opens the file.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public CheckpointSource(long step, string path)
    {
        Step = step;
        file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1);
        Length = file.Length;
    }

    /// <summary>The checkpoint's step.</summary>
    public long Step { get; }

    /// <summary>The file's length in bytes.</summary>
    public long Length { get; }

    /// <summary>
    /// Reads pieces and sends them, as far as there is memory for them: that of a piece is used again once nothing of it is under way. Over a slow link a question is repeated while its pieces still wait to be sent, by reference; they must
    /// not be written over, and sending them twice would make it slower still.
    /// </summary>
    public void Send(ITensorChannel channel, JobId job, long offset, int pieces)
    {
        lock (gate)
        {
            for (int i = 0; i < Math.Clamp(pieces, 1, CheckpointPieces.MostAtOnce) && offset >= 0 && offset < Length; i++, offset += CheckpointPieces.Bytes)
            {
                if (Take() is not { } buffer) return;
                var bytes = MemoryMarshal.AsBytes(buffer.Span);
                int length = (int)Math.Min(bytes.Length, Length - offset);
                file.Position = offset;
                file.ReadExactly(bytes[..length]);
                bytes[length..].Clear();
                channel.Send(new Standbys.Piece(job, Step, offset), new TensorSlice(buffer, 0, buffer.Length), new Under(free, buffer));
            }
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        lock (gate) file.Dispose();
    }

    private FloatBuffer? Take()
    {
        if (made >= CheckpointPieces.MostAtOnce && free.TryDequeue(out var used)) return used;
        if (made == MostBuffers) return null;
        made++;
        return new FloatBuffer(CheckpointPieces.Floats);
    }

    /// <summary>A piece is under way until this is disposed.</summary>
    private sealed class Under(ConcurrentQueue<FloatBuffer> free, FloatBuffer buffer) : IDisposable
    {
        private int returned;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref returned, 1) == 0) free.Enqueue(buffer);
        }
    }
}

/// <summary>The standby's side: collects the pieces of one checkpoint in order, then has it checked and put in its place.</summary>
internal sealed class CheckpointFetch : IDisposable
{
    private readonly CheckpointFolder folder;
    private readonly string layout;
    private readonly FileStream file;
    private long asked, before = -1;

    /// <summary>Begins with nothing.</summary>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public CheckpointFetch(CheckpointFolder folder, string layout, long step, long length)
    {
        (this.folder, this.layout, Step, Length) = (folder, layout, step, length);
        file = new FileStream(folder.ArrivalOf(step), FileMode.Create, FileAccess.Write, FileShare.None, 1);
    }

    /// <summary>The checkpoint's step.</summary>
    public long Step { get; }

    /// <summary>The file's length in bytes.</summary>
    public long Length { get; }

    /// <summary>Bytes that are here.</summary>
    public long Here { get; private set; }

    /// <summary>Whether all of them are.</summary>
    public bool IsWhole => Here >= Length;

    /// <summary>Where to ask for pieces from now, once those that were asked for are here, or where none came since the last call; null for not now.</summary>
    /// <param name="again">Whether some time has passed since the last call with this.</param>
    public long? Wanted(bool again)
    {
        bool stalled = again && Here == before;
        if (again) before = Here;
        if (IsWhole || (Here < asked && !stalled)) return null;
        asked = Math.Min(Length, Here + (long)CheckpointPieces.MostAtOnce * CheckpointPieces.Bytes);
        return Here;
    }

    /// <summary>Takes a piece; one that is not the next is dropped.</summary>
    /// <exception cref="IOException">The disk cannot be written to.</exception>
    public void Take(long offset, TensorSlice piece)
    {
        if (offset != Here || IsWhole || piece.Length != CheckpointPieces.Floats) return;
        var bytes = MemoryMarshal.AsBytes(piece.Span);
        bytes = bytes[..(int)Math.Min(bytes.Length, Length - Here)];
        file.Write(bytes);
        Here += bytes.Length;
    }

    /// <summary>Checks the file, and puts it in its place. May take long.</summary>
    /// <exception cref="UserErrorException">What arrived is damaged, cut or foreign.</exception>
    /// <exception cref="IOException">The disk cannot be written to.</exception>
    public string Finish()
    {
        file.Flush(flushToDisk: true);
        file.Dispose();
        return folder.Adopt(Step, layout);
    }

    /// <summary>Drops what is not in its place.</summary>
    public void Dispose()
    {
        file.Dispose();
        File.Delete(folder.ArrivalOf(Step));
    }
}

/// <summary>Where a standby's pieces go: into memory of a pool, lent until they are on disk. Nothing else is taken.</summary>
internal sealed class PiecePlacer : ITensorPlacer
{
    private readonly ConcurrentBag<FloatBuffer> pool = [];

    /// <inheritdoc/>
    public Placement Place(in FrameHeader header, out TensorSlice destination, out IDisposable? lease)
    {
        destination = default;
        lease = null;
        if (header.Bucket != FrameHeader.NoBucket || header.Floats != CheckpointPieces.Floats) return Placement.Refuse;
        if (!pool.TryTake(out var buffer)) buffer = new FloatBuffer(CheckpointPieces.Floats);
        destination = new TensorSlice(buffer, 0, buffer.Length);
        lease = new Lent(pool, buffer);
        return Placement.Take;
    }

    private sealed class Lent(ConcurrentBag<FloatBuffer> pool, FloatBuffer buffer) : IDisposable
    {
        private int returned;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref returned, 1) == 0) pool.Add(buffer);
        }
    }
}
