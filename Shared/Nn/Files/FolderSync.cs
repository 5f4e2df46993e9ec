using System.Runtime.InteropServices;

namespace DistTrain.Nn.Files;

/// <summary>Makes a folder's entries durable: a file that was renamed into it is there under its name after a power cut too. .NET opens no folders, so this asks the system itself.</summary>
internal static class FolderSync
{
    /// <summary>Flushes a folder to disk, as far as the system can: not every file system does it for folders, and Windows needs no asking.</summary>
    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        int descriptor = Open(folder, 0);
        if (descriptor < 0) return;
        _ = Sync(descriptor);
        _ = Close(descriptor);
    }

    [DllImport("libc", EntryPoint = "open")]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync")]
    private static extern int Sync(int descriptor);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int descriptor);
}
