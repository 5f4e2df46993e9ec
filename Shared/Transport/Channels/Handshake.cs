using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using DistTrain.Tensors;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>How tensors travel between two nodes.</summary>
public enum ChannelKind : byte
{
    /// <summary>By reference: both actors are in one process.</summary>
    InProcess = 0,

    /// <summary>A TCP connection of its own.</summary>
    Tcp = 1,

    /// <summary>A ring in shared memory.</summary>
    SharedMemory = 2,

    /// <summary>Pieces of at most 64 KiB over Akka.Remote.</summary>
    Akka = 3,
}

/// <summary>
/// Opens a connection: both ends prove that they know the job's secret, by HMAC-SHA-256 over random numbers of both, before anything else is said; then the receiver says how far it got in the session, and the sender tries whether
/// both see the same shared memory, by reading a file that the receiver made for this hand-shake. Where they do, the receiver tries in turn whether it can map a memory file of the sender's.
/// </summary>
/// <remarks>
/// Six blocks of 256 bytes, alternating: hello, challenge, proof, welcome, choice, ready. Each begins with magic "DTH1" and its number; each from the challenge on ends with an HMAC over all blocks so far and the end's role.
/// </remarks>
internal sealed class Handshake(Guid job, ReadOnlyMemory<byte> secret)
{
    private const int BlockSize = 256;
    private const int MacAt = BlockSize - 32;
    private const uint Magic = 0x31_48_54_44; // "DTH1"
    private const ushort Version = 2;
    private const int NonceSize = 32;
    private const int ProbeAt = 16;
    private const int ProbeFloats = 1024;
    private const int NameAt = 72;
    private const int NameLength = 42;

    private readonly byte[] block = new byte[BlockSize];
    private readonly IncrementalHash transcript = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>What an opened connection is, to its sender.</summary>
    internal readonly record struct Opened(ByteLink Link, ChannelKind Kind, ControlRecord State, long Window);

    /// <summary>The sender's side. Takes over the link, whatever comes of it.</summary>
    public Opened Connect(ByteLink link, Guid session, ChannelKind kind, int ringBytes)
    {
        SharedRing? ring = null;
        string? ringName = null;
        try
        {
            Begin(0);
            job.TryWriteBytes(block.AsSpan(8));
            session.TryWriteBytes(block.AsSpan(24));
            RandomNumberGenerator.Fill(block.AsSpan(40, NonceSize));
            block[NameAt] = (byte)kind;
            Send(link, sign: false);

            Receive(link, 1, "server", $"{link.Peer} does not know this job's secret");
            Begin(2);
            Send(link, sign: true, "client");

            Receive(link, 3, "server", $"{link.Peer} sent a damaged welcome");
            var state = new ControlRecord(BinaryPrimitives.ReadInt64LittleEndian(block.AsSpan(8)), BinaryPrimitives.ReadInt64LittleEndian(block.AsSpan(16)));
            long window = BinaryPrimitives.ReadInt64LittleEndian(block.AsSpan(24));
            byte[]? proof = kind == ChannelKind.SharedMemory ? ReadNonce(Name()) : null;
            if (proof is not null) ring = TryCreate(ringBytes, out ringName);
            Begin(4);
            block[8] = (byte)(ring is null ? kind == ChannelKind.SharedMemory ? ChannelKind.Tcp : kind : ChannelKind.SharedMemory);
            if (ring is not null)
            {
                proof.CopyTo(block.AsSpan(40));
                BinaryPrimitives.WriteInt32LittleEndian(block.AsSpan(12), ringBytes);
                Encoding.ASCII.GetBytes(ringName!, block.AsSpan(NameAt));
            }
            var probe = ring is null ? null : FloatBuffer.ToSendFrom(ProbeFloats);
            if (probe?.File is { } file)
            {
                BinaryPrimitives.WriteInt32LittleEndian(block.AsSpan(ProbeAt), Environment.ProcessId);
                BinaryPrimitives.WriteInt32LittleEndian(block.AsSpan(ProbeAt + 4), file.Descriptor);
                file.Id.TryWriteBytes(block.AsSpan(ProbeAt + 8));
            }
            Send(link, sign: true, "client");

            Receive(link, 5, "server", $"{link.Peer} sent a damaged answer");
            GC.KeepAlive(probe);
            var taken = (ChannelKind)block[8];
            if (taken != ChannelKind.SharedMemory || ring is null) return new Opened(link, taken, state, window);
            var opened = new RingLink(link, ring, isWriter: true, reachesMemory: block[9] != 0) { Timeout = link.Timeout };
            ring = null;
            return new Opened(opened, taken, state, window);
        }
        catch
        {
            link.Dispose();
            throw;
        }
        finally
        {
            ring?.Dispose();
            if (ringName is not null) SharedRing.Unlink(ringName);
        }
    }

    /// <summary>The receiver's side.</summary>
    /// <param name="link">The connection; the caller's to dispose, where this throws.</param>
    /// <param name="find">Finds the session that the sender names, once it has proved the secret.</param>
    /// <param name="kind">How tensors will come.</param>
    /// <param name="session">The session found.</param>
    public ByteLink Accept(ByteLink link, Func<Guid, InboundSession> find, out ChannelKind kind, out InboundSession session)
    {
        Receive(link, 0, null, "");
        if (new Guid(block.AsSpan(8, 16)) != job) throw new ChannelException($"{link.Peer} asks for job {new Guid(block.AsSpan(8, 16)):N}, this is {job:N}");
        var sessionId = new Guid(block.AsSpan(24, 16));
        var wanted = (ChannelKind)block[NameAt];
        Begin(1);
        RandomNumberGenerator.Fill(block.AsSpan(8, NonceSize));
        Send(link, sign: true, "server");

        Receive(link, 2, "client", $"{link.Peer} does not know this job's secret");
        session = find(sessionId);
        session.Displace(link.Timeout);
        var state = session.State();
        string? nonceName = null;
        byte[] nonce = RandomNumberGenerator.GetBytes(NonceSize);
        try
        {
            Begin(3);
            BinaryPrimitives.WriteInt64LittleEndian(block.AsSpan(8), state.Received);
            BinaryPrimitives.WriteInt64LittleEndian(block.AsSpan(16), state.GivenBack);
            BinaryPrimitives.WriteInt64LittleEndian(block.AsSpan(24), session.Window);
            if (wanted == ChannelKind.SharedMemory && TryWriteNonce(nonce, out nonceName)) Encoding.ASCII.GetBytes(nonceName!, block.AsSpan(NameAt));
            Send(link, sign: true, "server");

            Receive(link, 4, "client", $"{link.Peer} sent a damaged choice");
            kind = (ChannelKind)block[8];
            SharedRing? ring = null;
            if (kind == ChannelKind.SharedMemory)
            {
                bool sameHost = nonceName is not null && CryptographicOperations.FixedTimeEquals(nonce, block.AsSpan(40, NonceSize));
                ring = sameHost ? TryOpen(Name(), BinaryPrimitives.ReadInt32LittleEndian(block.AsSpan(12))) : null;
                if (ring is null) kind = ChannelKind.Tcp;
            }
            bool reachesMemory = ring is not null && ReachesProbe();
            Begin(5);
            block[8] = (byte)kind;
            block[9] = (byte)(reachesMemory ? 1 : 0);
            Send(link, sign: true, "server");
            return ring is null ? link : new RingLink(link, ring, isWriter: false, reachesMemory) { Timeout = link.Timeout };
        }
        finally
        {
            if (nonceName is not null) SharedRing.Unlink(nonceName);
        }
    }

    private bool ReachesProbe()
    {
        int process = BinaryPrimitives.ReadInt32LittleEndian(block.AsSpan(ProbeAt)), descriptor = BinaryPrimitives.ReadInt32LittleEndian(block.AsSpan(ProbeAt + 4));
        return FloatBuffer.TryOpen(process, descriptor, new Guid(block.AsSpan(ProbeAt + 8, 16)), ProbeFloats) is not null;
    }

    private static byte[]? ReadNonce(string name)
    {
        try
        {
            byte[] nonce = new byte[NonceSize];
            using var file = File.OpenHandle(SharedRing.PathOf(name));
            return RandomAccess.Read(file, nonce, 0) == NonceSize ? nonce : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool TryWriteNonce(byte[] nonce, out string? name)
    {
        name = SharedRing.NewName();
        try
        {
            using var file = SharedRing.OpenNew(name, NonceSize);
            file.Write(nonce);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            name = null;
            return false;
        }
    }

    private static SharedRing? TryCreate(int size, out string? name)
    {
        name = null;
        try
        {
            return SharedRing.Create(size, out name);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static SharedRing? TryOpen(string name, int size)
    {
        try
        {
            return SharedRing.Open(name, size);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private string Name() => Encoding.ASCII.GetString(block.AsSpan(NameAt, NameLength));

    private void Begin(byte number)
    {
        Array.Clear(block);
        BinaryPrimitives.WriteUInt32LittleEndian(block, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(block.AsSpan(4), Version);
        block[6] = number;
    }

    private void Send(ByteLink link, bool sign, string role = "")
    {
        if (sign) Mac(role).CopyTo(block.AsSpan(MacAt));
        transcript.AppendData(block);
        link.Send(block);
    }

    private void Receive(ByteLink link, byte number, string? role, string refusal)
    {
        link.ReceiveExactly(block, "the hand-shake");
        if (BinaryPrimitives.ReadUInt32LittleEndian(block) != Magic || block[6] != number) throw new ChannelException($"{link.Peer} does not speak this protocol");
        if (BinaryPrimitives.ReadUInt16LittleEndian(block.AsSpan(4)) is var version && version != Version) throw new ChannelException($"{link.Peer} speaks version {version} of the channel protocol, expected {Version}");
        if (role is not null && !CryptographicOperations.FixedTimeEquals(Mac(role), block.AsSpan(MacAt))) throw new ChannelException(refusal);
        transcript.AppendData(block);
    }

    /// <summary>HMAC-SHA-256(secret, role ‖ SHA-256 of all blocks before ‖ this block without its HMAC).</summary>
    private byte[] Mac(string role)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret.Span);
        mac.AppendData(Encoding.ASCII.GetBytes("disttrain channel " + role));
        mac.AppendData(transcript.GetCurrentHash());
        mac.AppendData(block.AsSpan(0, MacAt));
        return mac.GetHashAndReset();
    }
}
