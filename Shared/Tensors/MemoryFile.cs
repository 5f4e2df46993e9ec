using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace DistTrain.Tensors;

/// <summary>
/// A file of memory, without a name in any folder (Linux's <c>memfd_create</c>), whose pages stand where a pinned array of floats had its own: the array is used like any other, and processes of the same user on this host can map
/// the file, through <c>/proc</c>, and read the floats where they stand. It goes with the last process that has it, whatever ends that.
/// </summary>
/// <remarks>
/// The file has the floats, then, on a page of its own, what proves to a process that it opened the right one. Its length is sealed: nobody who maps it can lose pages under his feet. The array owns its file, and a finalizer gives the
/// array ordinary pages back before the collector may use its memory again.
/// </remarks>
public sealed unsafe partial class MemoryFile
{
    /// <summary>Files that a process has mapped at one time, at most: the system gives it 65,530 mappings for all that it does.</summary>
    internal const int MostAtOnce = 4096;

    private const string Name = "disttrain";
    private const string LinkText = $"/memfd:{Name} (deleted)";
    private const int Page = 4096;
    private const int AllowSealing = 2, CloseOnExec = 1, AddSeals = 1033, GetSeals = 1034, SealLength = 1 | 2 | 4; // F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW
    private const int ReadOnly = 1, ReadWrite = 3, Shared = 1, Private = 2, Fixed = 0x10, Anonymous = 0x20, Populate = 0x8000;
    private const int CanRead = 0, NotInherited = 0x80000, NotControlling = 0x100, NonBlocking = 0x800; // O_RDONLY, O_CLOEXEC, O_NOCTTY, O_NONBLOCK

    private static readonly ConditionalWeakTable<float[], MemoryFile> Owners = [];

    private static int alive;

    private readonly float[] array;
    private readonly nint start;
    private readonly long bytes;

    private MemoryFile(float[] array, nint start, long bytes, int descriptor, Guid id) => (this.array, this.start, this.bytes, Descriptor, Id) = (array, start, bytes, descriptor, id);

    /// <summary>Gives the array pages of its own again: from the next collection on its memory is the collector's.</summary>
    ~MemoryFile()
    {
        _ = Map(start, (nint)bytes, ReadWrite, Private | Fixed | Anonymous, -1, 0);
        if (Descriptor >= 0) _ = Close(Descriptor);
        Interlocked.Decrement(ref alive);
    }

    /// <summary>The file, to this process: where others find it is <c>/proc/(process)/fd/(descriptor)</c>; −1 for one of another process.</summary>
    public int Descriptor { get; }

    /// <summary>What it says on its last page.</summary>
    public Guid Id { get; }

    /// <summary>Makes a file and an array of zeros that stands in it.</summary>
    /// <param name="length">The number of floats, 1 or more.</param>
    /// <param name="array">The array.</param>
    /// <param name="begin">The index in it of the first float, which is the file's first.</param>
    /// <returns>The file; null where the system has no such files, or no room for one.</returns>
    public static MemoryFile? TryCreate(int length, out float[] array, out int begin)
    {
        (array, begin) = ([], 0);
        if (!IsPossible) return null;
        long bytes = BytesOf(length);
        int descriptor = Create(Name, CloseOnExec | AllowSealing);
        if (descriptor < 0) return null;
        var id = new Guid(RandomNumberGenerator.GetBytes(16));
        bool isReady = Truncate(descriptor, bytes + Page) == 0 && Write(descriptor, &id, sizeof(Guid), bytes) == sizeof(Guid) && Control(descriptor, AddSeals, SealLength) == 0;
        if (isReady && Place(length, bytes, ReadWrite, descriptor, id, descriptor, out array, out begin) is { } file) return file;
        _ = Close(descriptor);
        return null;
    }

    /// <summary>Maps a file of another process, to be read only.</summary>
    /// <param name="process">The process.</param>
    /// <param name="descriptor">The file, to that process.</param>
    /// <param name="id">What it must say.</param>
    /// <param name="length">The number of floats in it.</param>
    /// <param name="array">The array.</param>
    /// <param name="begin">The index in it of the first float, which is the file's first.</param>
    /// <returns>The file; null where this process cannot reach it, or where it is not what was named.</returns>
    public static MemoryFile? TryOpen(int process, int descriptor, Guid id, int length, out float[] array, out int begin)
    {
        (array, begin) = ([], 0);
        if (!IsPossible || process < 1 || descriptor < 0 || length < 1) return null;
        string path = $"/proc/{process}/fd/{descriptor}";
        // Whatever else the number may stand for there is never opened.
        if (LinkOf(path) != LinkText) return null;
        int own = Open(path, CanRead | NotInherited | NotControlling | NonBlocking);
        if (own < 0) return null;
        try
        {
            long bytes = BytesOf(length);
            var found = Guid.Empty;
            bool isIt = (Control(own, GetSeals, 0) & SealLength) == SealLength && Seek(own, 0, 2) == bytes + Page && Read(own, &found, sizeof(Guid), bytes) == sizeof(Guid) && found == id;
            return isIt ? Place(length, bytes, ReadOnly, own, id, -1, out array, out begin) : null;
        }
        finally
        {
            _ = Close(own);
        }
    }

    private static bool IsPossible => OperatingSystem.IsLinux() && Environment.SystemPageSize == Page;

    private static long BytesOf(int length) => ((long)length * sizeof(float) + Page - 1) & -Page;

    /// <summary>Takes an array and puts a file's pages in the place of its own.</summary>
    private static MemoryFile? Place(int length, long bytes, int access, int from, Guid id, int descriptor, out float[] array, out int begin)
    {
        (array, begin) = ([], 0);
        if (!HasRoom()) return null;
        array = GC.AllocateUninitializedArray<float>(checked((int)((bytes + Page) / sizeof(float))), pinned: true);
        nint address = Marshal.UnsafeAddrOfPinnedArrayElement(array, 0), start = (address + Page - 1) & -(nint)Page;
        begin = (int)((start - address) / sizeof(float));
        if (Map(start, (nint)bytes, access, Shared | Fixed | Populate, from, 0) != start)
        {
            // What failed may have taken the array's own pages away.
            _ = Map(start, (nint)bytes, ReadWrite, Private | Fixed | Anonymous, -1, 0);
            Interlocked.Decrement(ref alive);
            return null;
        }
        var file = new MemoryFile(array, start, bytes, descriptor, id);
        Owners.Add(array, file);
        return file;
    }

    /// <summary>Counts one more file, if there is room for it. A peer that shows files and takes them back could else bring mappings about faster than the collector finds that nobody has them any more.</summary>
    private static bool HasRoom()
    {
        if (Interlocked.Increment(ref alive) <= MostAtOnce) return true;
        GC.Collect();
        GC.WaitForPendingFinalizers();
        if (Volatile.Read(ref alive) <= MostAtOnce) return true;
        Interlocked.Decrement(ref alive);
        return false;
    }

    private static string? LinkOf(string path)
    {
        byte* text = stackalloc byte[64];
        nint length = ReadLink(path, text, 64);
        return length <= 0 ? null : System.Text.Encoding.UTF8.GetString(text, (int)length);
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Create(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate")]
    private static partial int Truncate(int file, long length);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int file, int command, int argument);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nint length, int access, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "readlink", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint ReadLink(string path, byte* text, nint size);

    [LibraryImport("libc", EntryPoint = "lseek")]
    private static partial long Seek(int file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "pread")]
    private static partial nint Read(int file, void* buffer, nint count, long offset);

    [LibraryImport("libc", EntryPoint = "pwrite")]
    private static partial nint Write(int file, void* buffer, nint count, long offset);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
