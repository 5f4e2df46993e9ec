using DistTrain.Transport.Links;

namespace DistTrain.Tests.Transport;

/// <summary>Bytes to read, and bytes that were written.</summary>
internal sealed class BytesLink : ByteLink
{
    private readonly List<byte> written = [];
    private byte[] bytes = [];
    private int at;
    private int end;

    public byte[] Written => [.. written];

    public override string Peer => "peer";

    public bool ShowsMemory { get; init; }

    public override bool ReachesMemory => ShowsMemory;

    public override bool WaitBriefly() => true;

    public override TimeSpan Timeout { get; set; }

    public void Reset(byte[] source, int length) => (bytes, at, end) = (source, 0, length);

    public override void Send(ReadOnlySpan<byte> sent) => CollectionExtensions.AddRange(written, sent);

    public override int Receive(Span<byte> destination)
    {
        int count = Math.Min(destination.Length, end - at);
        bytes.AsSpan(at, count).CopyTo(destination);
        at += count;
        return count;
    }

    public bool IsDisposed { get; private set; }

    public override void Dispose() => IsDisposed = true;
}
