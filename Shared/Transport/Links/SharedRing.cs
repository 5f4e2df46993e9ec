using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;
using DistTrain.Simd;

namespace DistTrain.Transport.Links;

/// <summary>
/// A ring of bytes in a file in /dev/shm that two processes map: one writes, one reads. Positions only grow; what the other end claims is checked before it is used. Mode 0600; the file is unlinked as soon as both
/// have opened it, so nothing is left behind by a crash.
/// </summary>
/// <remarks>Layout: 0 magic · 64 bytes written (8) · 128 bytes read (8) · 192 reader sleeps (4) · 256 writer sleeps (4) · 4096 the bytes.</remarks>
public sealed unsafe class SharedRing : IDisposable
{
    /// <summary>Where rings and nonces live.</summary>
    public const string Folder = "/dev/shm";

    private const string Prefix = "disttrain-";
    private const int NameBytes = 16;
    private const int DataAt = 4096;
    private const long Magic = 0x31_47_4E_49_52_54_44; // "DTRING1"

    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* start;
    private readonly int size;
    private int disposed;

    // Each end trusts only its own copy of its own position.
    private long own;

    private SharedRing(FileStream file, int size)
    {
        this.size = size;
        map = MemoryMappedFile.CreateFromFile(file, null, DataAt + size, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: false);
        view = map.CreateViewAccessor(0, DataAt + size);
        byte* pointer = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        start = pointer;
    }

    /// <summary>Bytes that the ring holds.</summary>
    public int Capacity => size;

    private ref long Written => ref *(long*)(start + 64);

    private ref long Taken => ref *(long*)(start + 128);

    private ref int ReaderSleeps => ref *(int*)(start + 192);

    private ref int WriterSleeps => ref *(int*)(start + 256);

    /// <summary>Makes a ring and its file.</summary>
    /// <param name="size">Bytes: a power of two from 64 KiB to 1 GiB.</param>
    /// <param name="name">The file's name in <see cref="Folder"/>.</param>
    /// <exception cref="IOException">There is no /dev/shm, or no room in it: all memory is taken now, so that a full one shows here and not as a crash later.</exception>
    public static SharedRing Create(int size, out string name)
    {
        Require(size);
        name = NewName();
        var file = OpenNew(name, DataAt + size);
        var ring = new SharedRing(file, size);
        *(long*)ring.start = Magic;
        return ring;
    }

    /// <summary>Opens a ring that the peer made.</summary>
    /// <exception cref="IOException">The name is none of ours, there is no such file, or it is no ring of that size.</exception>
    public static SharedRing Open(string name, int size)
    {
        Require(size);
        var file = new FileStream(PathOf(name), new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 });
        if (file.Length != DataAt + size)
        {
            long length = file.Length;
            file.Dispose();
            throw new IOException($"{name} has {length} bytes, expected {DataAt + size}");
        }
        var ring = new SharedRing(file, size);
        if (*(long*)ring.start == Magic) return ring;
        ring.Dispose();
        throw new IOException($"{name} is no ring");
    }

    /// <summary>The path of a name that this class gives; a peer can name no other file.</summary>
    /// <exception cref="IOException">The name is none of ours.</exception>
    public static string PathOf(string name)
    {
        bool isOurs = name.Length == Prefix.Length + 2 * NameBytes && name.StartsWith(Prefix, StringComparison.Ordinal) && !name.AsSpan(Prefix.Length).ContainsAnyExcept("0123456789abcdef");
        return isOurs ? Path.Combine(Folder, name) : throw new IOException("the peer names a file that is no shared-memory file of ours");
    }

    /// <summary>A new name.</summary>
    public static string NewName() => Prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NameBytes));

    /// <summary>Removes the file of a name, where it is still there.</summary>
    public static void Unlink(string name) => File.Delete(PathOf(name));

    /// <summary>Writes as much as fits and returns how much that was.</summary>
    public int TryWrite(ReadOnlySpan<byte> bytes)
    {
        int count = Math.Min(bytes.Length, Free());
        Copy(bytes[..count]);
        own += count;
        Volatile.Write(ref Written, own);
        return count;
    }

    /// <summary>Writes as much as fits, and adds it to a checksum on the way.</summary>
    public int TryWrite(ReadOnlySpan<byte> bytes, ref uint checksum)
    {
        int count = Math.Min(bytes.Length, Free()), at = (int)(own & (size - 1)), first = Math.Min(count, size - at);
        checksum = Crc32C.Copy(checksum, bytes[..first], new Span<byte>(start + DataAt + at, first));
        checksum = Crc32C.Copy(checksum, bytes[first..count], new Span<byte>(start + DataAt, count - first));
        own += count;
        Volatile.Write(ref Written, own);
        return count;
    }

    /// <summary>Reads what is there, up to the buffer's length, and returns how much that was.</summary>
    public int TryRead(Span<byte> buffer)
    {
        int count = Math.Min(buffer.Length, Used());
        int at = (int)(own & (size - 1)), first = Math.Min(count, size - at);
        new ReadOnlySpan<byte>(start + DataAt + at, first).CopyTo(buffer);
        new ReadOnlySpan<byte>(start + DataAt, count - first).CopyTo(buffer[first..]);
        own += count;
        Volatile.Write(ref Taken, own);
        return count;
    }

    /// <summary>Bytes that the reader can take now.</summary>
    public int Used() => Check(Volatile.Read(ref Written) - own);

    /// <summary>Bytes that the writer can put now.</summary>
    public int Free() => size - Check(own - Volatile.Read(ref Taken));

    /// <summary>The reader is about to sleep until there is something: false where there is already.</summary>
    public bool ReaderMaySleep()
    {
        // The flag first, then the look: who writes first and looks at the flag then cannot be missed.
        Interlocked.Exchange(ref ReaderSleeps, 1);
        if (Used() == 0) return true;
        Volatile.Write(ref ReaderSleeps, 0);
        return false;
    }

    /// <summary>The writer is about to sleep until there is room: false where there is already.</summary>
    public bool WriterMaySleep()
    {
        Interlocked.Exchange(ref WriterSleeps, 1);
        if (Free() == 0) return true;
        Volatile.Write(ref WriterSleeps, 0);
        return false;
    }

    /// <summary>After writing: whether the reader sleeps and must be woken, by the one who gets true.</summary>
    public bool MustWakeReader()
    {
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref ReaderSleeps) != 0 && Interlocked.Exchange(ref ReaderSleeps, 0) != 0;
    }

    /// <summary>After reading: whether the writer sleeps and half of the ring is free, so that it must be woken.</summary>
    public bool MustWakeWriter()
    {
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref WriterSleeps) != 0 && Check(Volatile.Read(ref Written) - own) <= size / 2 && Interlocked.Exchange(ref WriterSleeps, 0) != 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0) return;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
    }

    internal static FileStream OpenNew(string name, long length)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0, PreallocationSize = length,
        };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(PathOf(name), options);
    }

    private static void Require(int size)
    {
        if (size is < 65536 or > 1 << 30 || (size & (size - 1)) != 0) throw new IOException($"a ring has {size} bytes, expected a power of two from 65536 to {1 << 30}");
    }

    private void Copy(ReadOnlySpan<byte> bytes)
    {
        int at = (int)(own & (size - 1)), first = Math.Min(bytes.Length, size - at);
        bytes[..first].CopyTo(new Span<byte>(start + DataAt + at, first));
        bytes[first..].CopyTo(new Span<byte>(start + DataAt, bytes.Length - first));
    }

    private int Check(long claimed) => claimed >= 0 && claimed <= size ? (int)claimed : throw new ChannelException($"the peer claims {claimed} bytes in a ring of {size}");
}
