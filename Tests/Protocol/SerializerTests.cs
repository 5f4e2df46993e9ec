using System.Runtime.Serialization;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using DistTrain.Protocol;
using MessagePack;

namespace DistTrain.Tests.Protocol;

public sealed class SerializerTests() : TestKit(PatientKit.Config)
{
    private ProtocolSerializer Serializer => (ProtocolSerializer)Sys.Serialization.FindSerializerForType(typeof(Weights.Published));

    public static TheoryData<Type> Messages()
    {
        var data = new TheoryData<Type>();
        foreach (var type in typeof(IProtocolMessage).Assembly.GetTypes().Where(t => t is { IsAbstract: false } && t.IsAssignableTo(typeof(IProtocolMessage)))) data.Add(type);
        return data;
    }

    [Theory]
    [MemberData(nameof(Messages))]
    public void Every_message_survives_the_wire(Type type)
    {
        var random = new Random(1);
        for (int i = 0; i < 20; i++)
        {
            object message = MessageSamples.Make(type, random, TestActor);
            var serializer = Assert.IsType<ProtocolSerializer>(Sys.Serialization.FindSerializerFor(message));
            byte[] bytes = serializer.ToBinary(message);
            object back = serializer.FromBinary(bytes, serializer.Manifest(message));
            Assert.Equal(type, back.GetType());
            Assert.Equal(MessageSamples.Describe(message), MessageSamples.Describe(back));
        }
    }

    [Theory]
    [MemberData(nameof(Messages))]
    public void No_member_of_a_message_that_is_read_is_null(Type type)
    {
        var random = new Random(5);
        string name = ProtocolManifest.NameOf(type)!;
        for (int i = 0; i < 4; i++)
        {
            foreach (byte[] bytes in Holes(Serializer.ToBinary(MessageSamples.Make(type, random, TestActor))))
            {
                try
                {
                    Assert.DoesNotContain("nil", MessageSamples.Describe(Serializer.FromBinary(bytes, name)));
                }
                catch (SerializationException)
                {
                    // Refused, as it should be.
                }
            }
        }
    }

    [Fact]
    public void What_is_missing_is_named()
    {
        var hello = new Nodes.Hello(1, "node", new Incarnation(1), 1, "avx2", [1, 2]);
        var refused = Holes(Serializer.ToBinary(hello)).Select(bytes => Record.Exception(() => Serializer.FromBinary(bytes, "nh"))?.Message).ToList();
        foreach (string member in new[] { "Name", "Numerics", "Proof" }) Assert.Contains($"Hello: {member} is missing", refused);
        var status = new Nodes.Status("", 0, 0, 0, 0, 0, [new Nodes.Row("a", 1, []), new Nodes.Row(null!, 1, [])]);
        Assert.Equal("Status: Name is missing", Assert.Throws<SerializationException>(() => Serializer.FromBinary(Serializer.ToBinary(status), "ns")).Message);
    }

    /// <summary>A message with nil in the place of each of its members, and with nothing from there on, at every depth.</summary>
    private static List<byte[]> Holes(byte[] bytes)
    {
        var holes = new List<byte[]>();
        var reader = new MessagePackReader(bytes);
        if (reader.NextMessagePackType != MessagePackType.Array) return holes;
        int count = reader.ReadArrayHeader();
        var members = new List<byte[]>();
        for (int i = 0; i < count; i++)
        {
            long start = reader.Consumed;
            reader.Skip();
            members.Add(bytes[(int)start..(int)reader.Consumed]);
        }
        for (int i = 0; i < count; i++)
        {
            holes.Add(Array(members[..i]));
            foreach (byte[] other in Holes(members[i]).Prepend([0xc0])) holes.Add(Array([.. members[..i], other, .. members[(i + 1)..]]));
        }
        return holes;
    }

    private static byte[] Array(List<byte[]> members)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(buffer);
        writer.WriteArrayHeader(members.Count);
        foreach (byte[] member in members) writer.WriteRaw(member);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    [Fact]
    public void Manifests_are_short_and_name_every_message()
    {
        var types = typeof(IProtocolMessage).Assembly.GetTypes().Where(t => !t.IsAbstract && t.IsAssignableTo(typeof(IProtocolMessage))).ToHashSet();
        Assert.Equal(types, ProtocolManifest.Types.ToHashSet());
        Assert.All(types, type => Assert.InRange(ProtocolManifest.NameOf(type)!.Length, 1, 2));
    }

    [Fact]
    public void Random_truncated_and_mutated_bytes_give_clean_errors_in_bounded_memory()
    {
        var random = new Random(7);
        var samples = ProtocolManifest.Types.OrderBy(t => t.FullName, StringComparer.Ordinal)
            .Select(type => (Name: ProtocolManifest.NameOf(type)!, Bytes: Serializer.ToBinary(MessageSamples.Make(type, random, TestActor)))).ToArray();
        foreach (var (name, bytes) in samples) Serializer.FromBinary(bytes, name);
        int refused = 0;
        for (int i = 0; i < 10_000; i++)
        {
            var (name, bytes) = samples[i % samples.Length];
            byte[] payload = (i / samples.Length % 4) switch
            {
                0 => MessageSamples.Bytes(random, random.Next(300)),
                1 => bytes[..random.Next(bytes.Length)],
                2 => Mutated(bytes, random),
                _ => ClaimingMuch(random),
            };
            long before = GC.GetAllocatedBytesForCurrentThread();
            try { Serializer.FromBinary(payload, name); }
            catch (SerializationException) { refused++; }
            long taken = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(taken <= 64L * payload.Length + 65_536, $"{name}: {taken} bytes allocated for a payload of {payload.Length}: {Convert.ToHexString(payload.AsSpan(0, Math.Min(64, payload.Length)))}");
        }
        Assert.True(refused > 7_000, $"only {refused} of 10,000 were refused");
    }

    [Theory]
    [InlineData(0xDDu)]
    [InlineData(0xC6u)]
    [InlineData(0xDBu)]
    public void A_megabyte_that_claims_a_long_array_takes_at_most_64_bytes_a_byte(uint header)
    {
        byte[] payload = new byte[1 << 20];
        payload[0] = 0x92;
        payload[1] = 0x91;
        payload[2] = 0x01;
        payload[3] = (byte)header;
        payload[4] = 0x00; payload[5] = 0x0F; payload[6] = 0xF0; payload[7] = 0x00;
        foreach (var type in ProtocolManifest.Types)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Throws<SerializationException>(() => Serializer.FromBinary(payload, ProtocolManifest.NameOf(type)!));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64L * payload.Length + 65_536);
        }
    }

    [Fact]
    public void Unknown_manifests_and_unregistered_types_are_refused()
    {
        Assert.Throws<SerializationException>(() => Serializer.FromBinary([0x90], "System.Diagnostics.Process"));
        Assert.Throws<SerializationException>(() => Serializer.ToBinary(new object()));
        Assert.ThrowsAny<SerializationException>(() => Sys.Serialization.Serialize(new Uri("http://localhost")));
    }

    private static byte[] Mutated(byte[] bytes, Random random)
    {
        byte[] copy = [.. bytes];
        for (int i = random.Next(1, 4); i > 0 && copy.Length > 0; i--) copy[random.Next(copy.Length)] = (byte)random.Next(256);
        return copy;
    }

    /// <summary>A valid start of an array or string whose header claims up to 2^31 elements.</summary>
    private static byte[] ClaimingMuch(Random random)
    {
        byte[] bytes = MessageSamples.Bytes(random, random.Next(16, 4096));
        bytes[0] = (byte)(0x90 | random.Next(7));
        int at = random.Next(1, 6);
        bytes[at] = random.Next(3) switch { 0 => 0xDD, 1 => 0xDB, _ => 0xC6 };
        bytes[at + 1] &= 0x7F;
        return bytes;
    }
}
