using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using DistTrain.Coordinator.Runs;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator.Runs;

public sealed class RunFilesTests : IDisposable
{
    private static readonly MetricPlan Plan = new() { Task = MetricTask.MultiClass, Outputs = 3, Metrics = [MetricCatalog.Find("accuracy", MetricTask.MultiClass), MetricCatalog.Find("f1-micro", MetricTask.MultiClass)] };

    private readonly string folder = Directory.CreateTempSubdirectory("disttrain-run-files-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_run_that_goes_on_keeps_the_lines_of_the_epochs_before_and_one_that_starts_does_not()
    {
        string path = Path.Combine(folder, "metrics.csv");
        var first = new MetricsFile(path, Plan, isResumed: false);
        for (int epoch = 1; epoch <= 4; epoch++) first.Add(Row(epoch, 1.0 / epoch));
        var resumed = new MetricsFile(path, Plan, isResumed: true);
        resumed.Add(Row(3, 0.1 + 0.2));
        Assert.Equal([1, 2, 3], resumed.Rows.Select(row => row.Epoch));
        var again = new MetricsFile(path, Plan, isResumed: true);
        var none = ImmutableSortedDictionary<string, double>.Empty;
        Assert.Equal(resumed.Rows.Select(row => row with { Metrics = none }), again.Rows.Select(row => row with { Metrics = none }));
        Assert.Equal(resumed.Rows[2].Metrics, again.Rows[2].Metrics);
        Assert.Equal(0.1 + 0.2, again.Rows[2].TrainLoss);
        Assert.Empty(new MetricsFile(path, Plan, isResumed: false).Rows);
        Assert.Empty(new MetricsFile(path, MetricPlan.None, isResumed: true).Rows);
    }

    [Fact]
    public void Events_are_as_tensorboard_reads_them()
    {
        var time = new DateTime(2026, 11, 26, 12, 0, 0, 500, DateTimeKind.Utc);
        string path;
        using (var board = new TensorBoardFile(folder, () => time))
        {
            path = board.Path;
            board.Add(300, ("loss/test", 0.25), ("nothing", double.NaN), ("größe", -1.5));
            board.Add(301, ("nothing", double.NaN));
            Assert.Equal(2, Records(File.ReadAllBytes(path)).Count); // on disk before the end
        }
        Assert.StartsWith("events.out.tfevents.1795694400.", Path.GetFileName(path), StringComparison.Ordinal);
        var records = Records(File.ReadAllBytes(path));
        Assert.Equal("brain.Event:2", Encoding.UTF8.GetString((byte[])Fields(records[0])[3][0]));
        var event_ = Fields(records[1]);
        Assert.Equal(1795694400.5, BitConverter.UInt64BitsToDouble((ulong)event_[1][0]));
        Assert.Equal(300UL, event_[2][0]);
        var values = Fields((byte[])event_[5][0])[1].Select(value => Fields((byte[])value)).ToList();
        Assert.Equal(["loss/test", "größe"], values.Select(value => Encoding.UTF8.GetString((byte[])value[1][0])));
        Assert.Equal([0.25f, -1.5f], values.Select(value => BitConverter.UInt32BitsToSingle((uint)value[2][0])));
    }

    [Fact]
    public void A_checksum_is_masked_as_in_a_tfrecord()
    {
        // CRC-32C of "123456789" is 0xe3069283 (RFC 3720, B.4); rotated right by 15 and 0xa282ead8 added.
        uint checksum = 0xe3069283;
        Assert.Equal(unchecked(((checksum >> 15) | (checksum << 17)) + 0xa282ead8), TensorBoardFile.Masked("123456789"u8));
    }

    private static EpochRow Row(int epoch, double loss) =>
        new(epoch, epoch * 10, loss, 0.5, null, ImmutableSortedDictionary<string, double>.Empty.Add("accuracy", 0.25).Add("f1_micro", 1.0 / 3), 0.01, 1234.5, epoch == 2);

    /// <summary>The data of each record, its checksums checked bit by bit, without tables.</summary>
    private static List<byte[]> Records(byte[] file)
    {
        var records = new List<byte[]>();
        for (int at = 0; at < file.Length;)
        {
            int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(at));
            Assert.Equal(Masked(file.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 8)));
            byte[] data = file[(at + 12)..(at + 12 + length)];
            Assert.Equal(Masked(data), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 12 + length)));
            records.Add(data);
            at += 16 + length;
        }
        return records;

        static uint Masked(ReadOnlySpan<byte> bytes)
        {
            uint crc = uint.MaxValue;
            foreach (byte b in bytes)
            {
                crc ^= b;
                for (int i = 0; i < 8; i++) crc = (crc >> 1) ^ ((crc & 1) * 0x82f63b78);
            }
            crc = ~crc;
            return unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8);
        }
    }

    /// <summary>A protobuf message's fields by number.</summary>
    private static Dictionary<int, List<object>> Fields(byte[] message)
    {
        var fields = new Dictionary<int, List<object>>();
        int at = 0;
        while (at < message.Length)
        {
            ulong key = Varint();
            object value = (key & 7) switch
            {
                0 => Varint(),
                1 => Take(8, span => (object)BinaryPrimitives.ReadUInt64LittleEndian(span)),
                2 => Bytes((int)Varint()),
                5 => Take(4, span => (object)BinaryPrimitives.ReadUInt32LittleEndian(span)),
                var kind => throw new InvalidDataException($"kind {kind}"),
            };
            if (!fields.TryGetValue((int)(key >> 3), out var list)) fields[(int)(key >> 3)] = list = [];
            list.Add(value);
        }
        return fields;

        ulong Varint()
        {
            ulong value = 0;
            for (int shift = 0; ; shift += 7)
            {
                byte b = message[at++];
                value |= (ulong)(b & 0x7f) << shift;
                if (b < 0x80) return value;
            }
        }

        object Bytes(int length)
        {
            byte[] part = message[at..(at + length)];
            at += length;
            return part;
        }

        object Take(int length, Func<ReadOnlySpan<byte>, object> read)
        {
            var value = read(message.AsSpan(at, length));
            at += length;
            return value;
        }
    }
}
