using System.Globalization;
using System.Runtime.CompilerServices;
using DistTrain.Tensors;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>The memory files that a sender has shown to the peer of one connection, by number. They are the pools' to keep: one that is collected is taken back.</summary>
internal sealed class MemoryOffers
{
    private readonly ConditionalWeakTable<MemoryFile, StrongBox<int>> numbers = [];
    private readonly List<(int Number, WeakReference<MemoryFile> File)> shown = [];
    private int last;

    /// <summary>Another connection: nothing is shown there yet.</summary>
    public void Clear()
    {
        numbers.Clear();
        shown.Clear();
    }

    /// <summary>The number of a tensor's file.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="writer">Writes the frames about a number: what the file is, or nothing where it is no more.</param>
    /// <param name="link">Where to.</param>
    /// <returns>The number, 1 or more; 0 for a tensor that stands in no file, or where more are shown than a receiver takes.</returns>
    public int NumberOf(in TensorSlice tensor, FrameWriter writer, ByteLink link)
    {
        if (tensor.Buffer is not { File: { Descriptor: >= 0 } file } buffer) return 0;
        if (numbers.TryGetValue(file, out var known)) return known.Value;
        for (int i = shown.Count - 1; i >= 0; i--)
        {
            if (shown[i].File.TryGetTarget(out _)) continue;
            writer.WriteMemory(link, shown[i].Number, "");
            shown.RemoveAt(i);
        }
        if (shown.Count == MemoryViews.Most) return 0;
        numbers.Add(file, new StrongBox<int>(++last));
        shown.Add((last, new WeakReference<MemoryFile>(file)));
        writer.WriteMemory(link, last, string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n{file.Descriptor}\n{file.Id:N}\n{buffer.Length}"));
        return last;
    }
}
