using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Transport.Channels;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Tests.Transport;

/// <summary>Frames as a broken or hostile peer might write them: refused with a reason, or taken whole; never a crash, never memory for what a header merely claims. Inputs: 50,000, or DISTTRAIN_FRAME_INPUTS.</summary>
public class FrameFuzzTests
{
    private static readonly int Inputs = int.TryParse(Environment.GetEnvironmentVariable("DISTTRAIN_FRAME_INPUTS"), out int count) ? count : 50_000;

    [Theory]
    [InlineData("none", false)]
    [InlineData("none", true)]
    [InlineData("topk:0.1", false)]
    public void Any_bytes_are_refused_or_taken_within_bounded_memory(string codec, bool shows)
    {
        using var system = ActorSystem.Create("fuzz", ProtocolConfig.Shared);
        var rules = Rules(codec, 4208, 64);
        var messages = new TensorMessages(system);
        var sent = new List<FloatBuffer>();
        byte[][] seeds = [.. Enumerable.Range(0, 8).Select(i => Stream(rules, messages, codec, i, shows, sent))];
        var placer = new OnePlace();
        var reader = new FrameReader(rules, placer);
        var random = new Random(3);
        int taken = 0, refused = 0;
        long most = 0;
        var link = new BytesLink { ShowsMemory = shows };
        byte[] buffer = new byte[seeds.Max(seed => seed.Length) * 2 + 64];
        for (int input = 0; input < Inputs / 3; input++)
        {
            int length = Mutate(random, seeds, buffer);
            link.Reset(buffer, length);
            reader.Reset();
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                while (reader.TryRead(link, out var frame))
                {
                    if (frame.Header.Kind == FrameKind.Tensor) messages.Read(reader.Message);
                    taken++;
                }
            }
            catch (ChannelException)
            {
                refused++;
            }
            most = Math.Max(most, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.True(taken > 0 && refused > Inputs / 12, $"{taken} taken, {refused} refused");
        // The longest payload, a message and an exception with its stack.
        Assert.InRange(most, 0, 256 << 10);
        GC.KeepAlive(sent);
    }

    [Fact]
    public void A_header_reads_back_as_it_was_written_and_no_bit_of_it_can_flip_unseen()
    {
        var header = new FrameHeader
        {
            Kind = FrameKind.Tensor, Codec = CodecKind.Int8, Job = Guid.NewGuid(), Term = 3, Step = 1L << 40, Bucket = 5, Lo = 2, Hi = 4, Route = 7, MessageLength = 9, Floats = 11, PayloadLength = 13, Sequence = 1L << 33, Memory = 21, MemoryOffset = 22,
        };
        byte[] bytes = new byte[FrameHeader.Size];
        header.Write(bytes);
        Assert.True(FrameHeader.TryRead(bytes, out var read, out _));
        Assert.Equal(header, read);
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.False(FrameHeader.TryRead(bytes, out _, out string? reason));
            Assert.NotNull(reason);
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
    }

    [Theory]
    [InlineData("a frame is of job", "job")]
    [InlineData("a frame is of bucket 9, expected 0 to 1", "bucket")]
    [InlineData("has 17 floats, expected 4208", "floats")]
    [InlineData("expected one within [0, 8)", "node")]
    [InlineData("has codec 3, expected None", "codec")]
    [InlineData("has 5 bytes for 4208 floats under codec none, expected 16832", "payload")]
    [InlineData("message has 65537 bytes, at most 65536", "message")]
    [InlineData("sequence number 0", "sequence")]
    [InlineData("is of kind 77", "kind")]
    [InlineData("a tensor has 8 floats, at most 0", "longest")]
    [InlineData("where only floats as they are can stand", "memory")]
    public void What_a_header_claims_is_checked_against_the_layout(string reason, string what)
    {
        var rules = Rules("none", 4208, 64);
        var valid = new FrameHeader { Kind = FrameKind.Tensor, Job = rules.Job.Value, Bucket = 0, Hi = 1, Floats = 4208, PayloadLength = 4208 * 4, Sequence = 1 };
        Assert.Null(rules.Check(valid));
        var broken = what switch
        {
            "job" => valid with { Job = Guid.NewGuid() },
            "bucket" => valid with { Bucket = 9 },
            "floats" => valid with { Floats = 17 },
            "node" => valid with { Lo = 3, Hi = 9 },
            "codec" => valid with { Codec = CodecKind.Int8 },
            "payload" => valid with { PayloadLength = 5 },
            "message" => valid with { MessageLength = 65537 },
            "sequence" => valid with { Sequence = 0 },
            "memory" => valid with { Floats = 0, PayloadLength = 0, Memory = 1 },
            "kind" => valid with { Kind = (FrameKind)77 },
            _ => valid with { Bucket = FrameHeader.NoBucket, Hi = 0, Floats = 8, PayloadLength = 32 },
        };
        Assert.Contains(reason, rules.Check(broken));
    }

    [Fact]
    public void The_checksum_is_CRC_32C_however_the_bytes_are_cut()
    {
        Assert.Equal(0xE3069283u, Crc32C.Of("123456789"u8));
        byte[] bytes = new byte[100_003];
        new Random(4).NextBytes(bytes);
        uint bitwise = ~0u;
        foreach (byte value in bytes)
        {
            bitwise ^= value;
            for (int i = 0; i < 8; i++) bitwise = bitwise >> 1 ^ ((bitwise & 1) != 0 ? 0x82F63B78 : 0);
        }
        Assert.Equal(~bitwise, Crc32C.Of(bytes));
        for (int cut = 0; cut < bytes.Length; cut += 997) Assert.Equal(~bitwise, Crc32C.Append(Crc32C.Of(bytes.AsSpan(0, cut)), bytes.AsSpan(cut)));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Folding_gives_the_checksum_of_the_instruction(bool wide)
    {
        Skip.IfNot(wide ? Pclmulqdq.V512.IsSupported : Pclmulqdq.V256.IsSupported, "this processor multiplies no whole vectors without carry");
        byte[] bytes = new byte[16 * 256];
        new Random(5).NextBytes(bytes);
        for (int rounds = 1; rounds <= 16; rounds++)
        {
            var part = bytes.AsSpan(0, rounds * 256);
            uint state = 0x12345678u + (uint)rounds, expected = state;
            foreach (byte value in part) expected = System.Numerics.BitOperations.Crc32C(expected, value);
            Assert.Equal(expected, Crc32C.FoldAll(state, part, wide));
        }
    }

    [Fact]
    public void Copying_with_the_checksum_copies_every_byte()
    {
        byte[] bytes = new byte[5000], copy = new byte[5001];
        new Random(6).NextBytes(bytes);
        foreach (int length in (int[])[0, 1, 255, 1023, 1024, 1025, 1279, 1280, 2000, 4096, 5000])
        {
            Array.Fill(copy, (byte)7);
            uint before = Crc32C.Of("before"u8);
            Assert.Equal(Crc32C.Append(before, bytes.AsSpan(0, length)), Crc32C.Copy(before, bytes.AsSpan(0, length), copy));
            Assert.True(copy.AsSpan(0, length).SequenceEqual(bytes.AsSpan(0, length)), $"{length} bytes");
            Assert.Equal(7, copy[length]);
        }
        // Long ones go around the caches, from the border of a line on; others as short ones do.
        byte[] large = GC.AllocateUninitializedArray<byte>((2 << 20) + 1000), room = GC.AllocateUninitializedArray<byte>(large.Length + 200, pinned: true);
        new Random(7).NextBytes(large);
        int border = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(room, 0) & 63);
        foreach (int offset in (int[])[border, border + 1])
        {
            Array.Fill(room, (byte)7);
            Assert.Equal(Crc32C.Of(large), Crc32C.Copy(0, large, room.AsSpan(offset)));
            Assert.True(room.AsSpan(offset, large.Length).SequenceEqual(large));
            Assert.Equal(7, room[offset + large.Length]);
        }
    }

    private static FrameRules Rules(string codec, int first, int statistics)
    {
        var layout = new ParameterLayout([("w", ImmutableArray.Create(first))], [("s", ImmutableArray.Create(statistics))]);
        return new FrameRules(new JobId(Guid.NewGuid()), new BucketPlan(layout, 1, 1 << 20), 8, CodecSpec.ParseGradient(codec));
    }

    /// <summary>A few valid frames, one after the other.</summary>
    private static byte[] Stream(FrameRules rules, TensorMessages messages, string text, int seed, bool shows, List<FloatBuffer> sent)
    {
        var link = new BytesLink { ShowsMemory = shows };
        var writer = new FrameWriter(rules, messages);
        var codec = TensorCodec.Create(CodecSpec.ParseGradient(text));
        var floats = shows ? FloatBuffer.ToSendFrom(rules.Buckets.Layout.Length) : new FloatBuffer(rules.Buckets.Layout.Length);
        sent.Add(floats);
        Philox.FillNormal(floats.Span, RandomKey.Create((ulong)seed, 0));
        if (seed % 2 == 0) writer.WriteRoute(link, 3, new RouteName("/user/server-0#5", "akka://x/user/worker-1#6"));
        for (int i = 0; i <= seed % 3; i++)
        {
            int bucket = (seed + i) % 2;
            var slice = new TensorSlice(floats, rules.Buckets.Buckets[bucket].Offset, rules.Buckets.Buckets[bucket].Length);
            if (codec.Spec.HasState && bucket == 0)
            {
                byte[] bytes = new byte[codec.EncodedLength(slice.Length)];
                int length = codec.Encode(new CodecKey(1, i, 0, 0), slice.Span, new float[codec.StateLength(slice.Length)], bytes);
                slice = slice with { Encoded = new EncodedTensor(codec, bytes, length) };
            }
            var header = new Gradients.Contribution(new Gradients.Name(rules.Job, new Term(1), i, bucket, 0, 1), new WorkerId(1), 1f, i, [new Gradients.Leaf(0, 5, 5, 1, 2, 3)], 0);
            writer.Write(link, new Outgoing(header, slice, 3, null) { Sequence = i + 1 });
        }
        return link.Written;
    }

    private static int Mutate(Random random, byte[][] seeds, byte[] buffer)
    {
        byte[] seed = seeds[random.Next(seeds.Length)];
        int length = seed.Length;
        seed.CopyTo(buffer, 0);
        switch (random.Next(6))
        {
            case 0: // Flipped bits.
                for (int i = random.Next(4); i >= 0; i--) buffer[random.Next(length)] ^= (byte)(1 << random.Next(8));
                break;
            case 1: // Cut short.
                length = random.Next(length);
                break;
            case 2: // A header's field changed, its checksum put right: the rules must hold.
                int field = random.Next(1, 23) * 4;
                BinaryPrimitives.WriteInt32LittleEndian(buffer.AsSpan(field), random.Next(3) == 0 ? random.Next(int.MinValue, int.MaxValue) : random.Next(-2, 70_000));
                BinaryPrimitives.WriteUInt32LittleEndian(buffer.AsSpan(92), Crc32C.Of(buffer.AsSpan(0, 92)));
                break;
            case 3: // The message changed and all checksums put right: the deserializer must hold.
                if (!FrameHeader.TryRead(buffer, out var header, out _) || header.MessageLength == 0) break;
                for (int i = random.Next(3); i >= 0; i--) buffer[FrameHeader.Size + random.Next(header.MessageLength)] = (byte)random.Next(256);
                int body = header.MessageLength + header.PayloadLength;
                BinaryPrimitives.WriteUInt32LittleEndian(buffer.AsSpan(FrameHeader.Size + body), Crc32C.Of(buffer.AsSpan(FrameHeader.Size, body)));
                break;
            case 4: // Noise from somewhere on.
                random.NextBytes(buffer.AsSpan(random.Next(length), Math.Min(64, buffer.Length - length)));
                break;
            default: // Two streams joined at any place.
                int cut = random.Next(length);
                byte[] other = seeds[random.Next(seeds.Length)];
                int rest = random.Next(other.Length);
                other.AsSpan(0, rest).CopyTo(buffer.AsSpan(cut));
                length = cut + rest;
                break;
        }
        return length;
    }

    private sealed class OnePlace : ITensorPlacer
    {
        private readonly FloatBuffer buffer = new(8192);

        public Placement Place(in FrameHeader header, out TensorSlice destination, out IDisposable? lease)
        {
            destination = new TensorSlice(buffer, 0, header.Floats);
            lease = null;
            return header.Step % 7 == 6 ? Placement.Discard : Placement.Take;
        }

        public bool MayStay(in FrameHeader header) => header.Step % 2 == 0;
    }
}
