using System.Buffers.Binary;
using System.Text;
using DistTrain.Simd;

namespace DistTrain.Coordinator.Runs;

/// <summary>
/// Scalars as TensorBoard reads them: a file of TFRecords (length, its checksum, data, its checksum; the checksums are CRC-32C, rotated and shifted), each an Event message of TensorFlow's
/// <see href="https://github.com/tensorflow/tensorflow/blob/v2.16.1/tensorflow/core/util/event.proto">event.proto</see>. Each record is on disk at once.
/// </summary>
internal sealed class TensorBoardFile : IDisposable
{
    private const string Version = "brain.Event:2";

    private readonly FileStream file;
    private readonly Func<DateTime> now;

    /// <summary>Begins a file in a folder.</summary>
    /// <param name="folder">The folder, for <c>tensorboard --logdir</c>.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    public TensorBoardFile(string folder, Func<DateTime>? now = null)
    {
        this.now = now ?? (() => DateTime.UtcNow);
        long seconds = new DateTimeOffset(this.now()).ToUnixTimeSeconds();
        Path = System.IO.Path.Combine(folder, $"events.out.tfevents.{seconds:D10}.{Environment.MachineName}.{Environment.ProcessId}");
        file = new FileStream(Path, FileMode.Append, FileAccess.Write, FileShare.Read);
        Write(0, writer => writer.Text(3, Version));
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Adds values at a step.</summary>
    public void Add(long step, params ReadOnlySpan<(string Tag, double Value)> values)
    {
        var summary = new Message();
        foreach (var (tag, value) in values)
        {
            if (double.IsNaN(value)) continue;
            var one = new Message();
            one.Text(1, tag);
            one.Float(2, (float)value);
            summary.Bytes(1, one.ToArray());
        }
        byte[] all = summary.ToArray();
        if (all.Length > 0) Write(step, writer => writer.Bytes(5, all));
    }

    /// <summary>Ends the file.</summary>
    public void Dispose() => file.Dispose();

    /// <summary>A checksum as records have it.</summary>
    internal static uint Masked(ReadOnlySpan<byte> bytes)
    {
        uint checksum = Crc32C.Of(bytes);
        return ((checksum >> 15) | (checksum << 17)) + 0xa282ead8u;
    }

    private void Write(long step, Action<Message> content)
    {
        var message = new Message();
        message.Double(1, (now() - DateTime.UnixEpoch).TotalSeconds);
        if (step != 0) message.Varint(2, (ulong)step);
        content(message);
        byte[] data = message.ToArray();
        byte[] record = new byte[16 + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(record, data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), Masked(record.AsSpan(0, 8)));
        data.CopyTo(record, 12);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12 + data.Length), Masked(data));
        file.Write(record);
        file.Flush();
    }

    /// <summary>The few kinds of protobuf fields that an event needs.</summary>
    private sealed class Message
    {
        private readonly List<byte> bytes = [];

        public byte[] ToArray() => [.. bytes];

        public void Text(int field, string text) => Bytes(field, Encoding.UTF8.GetBytes(text));

        public void Bytes(int field, byte[] value)
        {
            Number((ulong)field << 3 | 2);
            Number((ulong)value.Length);
            bytes.AddRange(value);
        }

        public void Varint(int field, ulong value)
        {
            Number((ulong)field << 3);
            Number(value);
        }

        public void Double(int field, double value)
        {
            Number((ulong)field << 3 | 1);
            Span<byte> raw = stackalloc byte[8];
            BinaryPrimitives.WriteDoubleLittleEndian(raw, value);
            bytes.AddRange(raw);
        }

        public void Float(int field, float value)
        {
            Number((ulong)field << 3 | 5);
            Span<byte> raw = stackalloc byte[4];
            BinaryPrimitives.WriteSingleLittleEndian(raw, value);
            bytes.AddRange(raw);
        }

        private void Number(ulong value)
        {
            for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
            bytes.Add((byte)value);
        }
    }
}
