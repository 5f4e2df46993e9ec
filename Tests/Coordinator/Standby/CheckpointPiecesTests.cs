using System.Runtime.InteropServices;
using DistTrain.Coordinator.Standby;
using DistTrain.Protocol;
using DistTrain.Tests.Data;
using DistTrain.Transport;

namespace DistTrain.Tests.Coordinator.Standby;

/// <summary>The pieces of a checkpoint on a link that is slower than the questions for them.</summary>
public sealed class CheckpointPiecesTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void What_waits_to_be_sent_is_not_written_over_however_often_it_is_asked_for()
    {
        byte[] bytes = new byte[40 * CheckpointPieces.Bytes + 100];
        new Random(5).NextBytes(bytes);
        string path = Path.Combine(folder.Folder, "file");
        File.WriteAllBytes(path, bytes);
        using var source = new CheckpointSource(7, path);
        var link = new SlowLink();
        var job = new JobId(Guid.NewGuid());
        for (int i = 0; i < 10; i++) source.Send(link, job, i * (long)CheckpointPieces.Bytes, CheckpointPieces.MostAtOnce);
        Assert.Equal(2 * CheckpointPieces.MostAtOnce, link.Waiting.Count);
        long offset = 2L * CheckpointPieces.MostAtOnce * CheckpointPieces.Bytes;
        for (; offset < bytes.Length; offset += CheckpointPieces.Bytes)
        {
            var (piece, tensor, done) = link.Waiting.Dequeue();
            Assert.True(MemoryMarshal.AsBytes(tensor.Span).SequenceEqual(bytes.AsSpan((int)piece.Offset, CheckpointPieces.Bytes)), $"the piece at {piece.Offset} is another");
            done.Dispose();
            source.Send(link, job, offset, 1);
        }
        Assert.Equal(2 * CheckpointPieces.MostAtOnce, link.Waiting.Count);
        var last = link.Waiting.Last();
        Assert.True(MemoryMarshal.AsBytes(last.Tensor.Span)[..100].SequenceEqual(bytes.AsSpan((int)last.Piece.Offset)));
        Assert.False(MemoryMarshal.AsBytes(last.Tensor.Span)[100..].ContainsAnyExcept((byte)0));
    }

    private sealed class SlowLink : ITensorChannel
    {
        public Queue<(Standbys.Piece Piece, TensorSlice Tensor, IDisposable Done)> Waiting { get; } = new();

        public void Send(IProtocolMessage header, TensorSlice tensor, IDisposable? done = null) => Waiting.Enqueue(((Standbys.Piece)header, tensor, done!));
    }
}
