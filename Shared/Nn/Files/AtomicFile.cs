namespace DistTrain.Nn.Files;

/// <summary>Writes files so that at every moment, also after a crash of the machine, either the old or the complete new one stands under its name.</summary>
public static class AtomicFile
{
    /// <summary>Writes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="write">Writes its bytes.</param>
    /// <param name="place">Runs the last, short act, which puts the complete file under its name, or leaves it be; null runs it.</param>
    /// <exception cref="IOException">The disk is full or cannot be written to; what stood there before is untouched.</exception>
    public static void Write(string path, Action<Stream> write, Action<Action>? place = null)
    {
        // What is no file, such as /dev/stdout, is written to and never replaced.
        if (Path.GetFullPath(path).StartsWith("/dev/", StringComparison.Ordinal))
        {
            using var device = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            write(device);
            return;
        }
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            Place(temporary, path, place);
        }
        finally
        {
            // There still when something failed, or when it was not put in place.
            File.Delete(temporary);
        }
    }

    /// <summary>Puts a complete file, flushed to disk, under its name.</summary>
    /// <param name="temporary">The file, in the same folder.</param>
    /// <param name="path">Its name from now on; what stood there before is replaced.</param>
    /// <param name="place">Runs the act, or leaves the file be; null runs it.</param>
    public static void Place(string temporary, string path, Action<Action>? place = null)
    {
        void Put() => File.Move(temporary, path, overwrite: true);
        if (place is null) Put();
        else place(Put);
        FolderSync.Flush(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }
}
