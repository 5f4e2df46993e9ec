using System.Globalization;
using DistTrain.Tensors;
using DistTrain.Transport.Frames;

namespace DistTrain.Transport.Channels;

/// <summary>The peer's memory files as the receiver of one connection sees them.</summary>
internal sealed class MemoryViews
{
    /// <summary>Files that a connection has at one time, at most.</summary>
    public const int Most = 64;

    private readonly Dictionary<int, FloatBuffer> files = [];

    /// <summary>Forgets all.</summary>
    public void Clear() => files.Clear();

    /// <summary>Takes what a frame says about a number: a file, or, without text, that it is no more.</summary>
    /// <exception cref="ChannelException">There is no such file, or it is another one.</exception>
    public void Take(string peer, int number, string text)
    {
        if (text.Length == 0)
        {
            files.Remove(number);
            return;
        }
        if (files.Count >= Most || files.ContainsKey(number)) throw new ChannelException($"{peer} shows memory {number} again, or more than {Most}");
        string[] parts = text.Split('\n');
        if (parts.Length != 4 || !TryInt(parts[0], out int process) || !TryInt(parts[1], out int descriptor) || !Guid.TryParseExact(parts[2], "N", out var id) || !TryInt(parts[3], out int length))
            throw new ChannelException($"{peer} shows memory {number} by words that say nothing");
        files.Add(number, FloatBuffer.TryOpen(process, descriptor, id, length) ?? throw new ChannelException($"{peer} shows memory {number} that cannot be opened here"));
    }

    /// <summary>Where a tensor stands.</summary>
    /// <exception cref="ChannelException">The file was not shown, or the tensor is not within it.</exception>
    public TensorSlice Of(string peer, in FrameHeader header)
    {
        if (!files.TryGetValue(header.Memory, out var file)) throw new ChannelException($"{peer} names memory {header.Memory}, which it has not shown");
        if (header.MemoryOffset < 0 || header.MemoryOffset > file.Length - header.Floats)
            throw new ChannelException($"{peer} names {header.Floats} floats from {header.MemoryOffset} on in memory {header.Memory}, which has {file.Length}");
        return new TensorSlice(file, header.MemoryOffset, header.Floats);
    }

    private static bool TryInt(string text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
