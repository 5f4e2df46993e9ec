using System.Buffers.Binary;
using System.Security.Cryptography;

namespace DistTrain.Coordinator.Simulation;

/// <summary>A hash over every message that was delivered: when, from where, to where, and of which type.</summary>
internal sealed class SimulationTrace : IDisposable
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] pending = new byte[4096];
    private int used;

    public void Add(long time, int from, int to, object message)
    {
        if (used + 24 > pending.Length) Flush();
        BinaryPrimitives.WriteInt64LittleEndian(pending.AsSpan(used), time);
        BinaryPrimitives.WriteInt32LittleEndian(pending.AsSpan(used + 8), from);
        BinaryPrimitives.WriteInt32LittleEndian(pending.AsSpan(used + 12), to);
        BinaryPrimitives.WriteInt64LittleEndian(pending.AsSpan(used + 16), NameHash(message.GetType()));
        used += 24;
    }

    public string Sha256()
    {
        Flush();
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    public void Dispose() => hash.Dispose();

    private void Flush()
    {
        hash.AppendData(pending.AsSpan(0, used));
        used = 0;
    }

    private readonly Dictionary<Type, long> names = [];

    private long NameHash(Type type)
    {
        if (names.TryGetValue(type, out long known)) return known;
        return names[type] = BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(type.FullName!)));
    }
}
