using System.Runtime.InteropServices;
using DistTrain.Simd;

namespace DistTrain.Protocol.Codecs;

/// <summary>
/// <c>powersgd:&lt;rank&gt;</c>: each block as a matrix M of 64 columns (a full block has 64 rows), gradient + residual, is sent as P·Qᵀ of that rank: P = orthonormal(M·Q) with the Q of the step before, then Q = Mᵀ·P
/// (Vogels, Karimireddy, Jaggi: "PowerSGD", 2019, with blocks in place of whole parameters). What P·Qᵀ misses stays in the residual. A first Q, and a column that vanished, is drawn by Philox. A block whose factors
/// would be no shorter than itself is sent as it is.
/// </summary>
internal sealed class PowerSgdCodec(CodecSpec spec) : TensorCodec(spec)
{
    /// <summary>Names this use of the job's random numbers.</summary>
    internal const ulong Purpose = 0x5247_5753; // "SWGR"

    private const int Columns = LowRank.Columns;

    public override int StatePerBlock => BlockLength + Spec.Rank * Columns;

    private protected override int BlockBytes(int floats) => (IsFactored(floats) ? Spec.Rank * (Rows(floats) + Columns) : floats) * sizeof(float);

    private protected override void EncodeBlock(in CodecKey key, ReadOnlySpan<float> source, Span<float> state, Span<byte> destination)
    {
        if (!IsFactored(source.Length))
        {
            MemoryMarshal.AsBytes(source).CopyTo(destination);
            return;
        }
        int rows = Rows(source.Length), rank = Spec.Rank;
        var residual = state[..source.Length];
        var q = state.Slice(BlockLength, rank * Columns);
        // Aligned working memory, since the bytes of a frame may stand anywhere.
        Span<float> matrix = stackalloc float[rows * Columns], approximation = stackalloc float[rows * Columns];
        Span<float> factors = stackalloc float[rank * (rows + Columns)];
        matrix[source.Length..].Clear();
        Elementwise.Add(source, residual, matrix[..source.Length]);
        Seed(key, q);
        Span<float> newP = factors[..(rank * rows)], newQ = factors[(rank * rows)..];
        LowRank.Project(matrix, q, newP, rows, rank);
        LowRank.BackProject(matrix, newP, newQ, rows, rank);
        MemoryMarshal.AsBytes(factors).CopyTo(destination);
        LowRank.Expand(newP, newQ, approximation, rows, rank);
        // What is not finite is sent, so the step sees it; the state must never hold it.
        if (!float.IsFinite(Int8Quantizer.LargestMagnitude(approximation)) || !float.IsFinite(Int8Quantizer.LargestMagnitude(newQ))) return;
        Elementwise.Subtract(matrix[..source.Length], approximation[..source.Length], residual);
        newQ.CopyTo(q);
    }

    private protected override string? DecodeBlock(ReadOnlySpan<byte> source, Span<float> destination)
    {
        if (!IsFactored(destination.Length))
        {
            source.CopyTo(MemoryMarshal.AsBytes(destination));
            return null;
        }
        int rows = Rows(destination.Length), rank = Spec.Rank;
        Span<float> factors = stackalloc float[rank * (rows + Columns)], matrix = stackalloc float[rows * Columns];
        source.CopyTo(MemoryMarshal.AsBytes(factors));
        LowRank.Expand(factors[..(rank * rows)], factors[(rank * rows)..], matrix, rows, rank);
        matrix[..destination.Length].CopyTo(destination);
        return null;
    }

    private static int Rows(int floats) => (floats + Columns - 1) / Columns;

    private bool IsFactored(int floats) => Spec.Rank <= Rows(floats) && Spec.Rank * (Rows(floats) + Columns) < floats;

    /// <summary>Fills the columns of Q that are zero.</summary>
    private static void Seed(in CodecKey key, Span<float> q)
    {
        for (int column = 0; column * Columns < q.Length; column++)
        {
            var values = q.Slice(column * Columns, Columns);
            if (values.ContainsAnyExcept(0f)) continue;
            var stream = RandomKey.Create(key.Seed, Purpose, (ulong)key.Step, (ulong)key.Shard, (ulong)key.Offset, (ulong)column);
            Philox.FillNormal(values, stream);
        }
    }
}
