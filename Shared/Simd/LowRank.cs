using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// One step of subspace iteration on a matrix of 64 columns: P = orthonormal(M·Q), Q' = Mᵀ·P, M ≈ P·Q'ᵀ (Vogels, Karimireddy, Jaggi: "PowerSGD", 2019).
/// P is held as rank columns of <c>rows</c> floats, Q as rank columns of 64.
/// </summary>
public static unsafe class LowRank
{
    /// <summary>Columns of the matrix.</summary>
    public const int Columns = 64;

    /// <summary>The most rows.</summary>
    public const int MaxRows = 64;

    // A column that loses all but this share of its length to the earlier ones is rounding noise.
    private const float Negligible = 1e-5f;

    /// <summary>P = orthonormal(M·Q): column by column, each made orthogonal to those before it (twice, which leaves it so to working precision) and scaled to length 1; a column that vanishes becomes zero.</summary>
    /// <param name="matrix">M: rows · 64 floats, row by row.</param>
    /// <param name="q">Rank columns of 64 floats.</param>
    /// <param name="p">Receives rank columns of rows floats.</param>
    /// <param name="rows">Rows of M, 1 to 64.</param>
    /// <param name="rank">Columns of P and Q.</param>
    public static void Project(ReadOnlySpan<float> matrix, ReadOnlySpan<float> q, Span<float> p, int rows, int rank)
    {
        Require(matrix, p, q, rows, rank);
        for (var j = 0; j < rank; j++)
        {
            var column = p.Slice(j * rows, rows);
            for (var i = 0; i < rows; i++)
                column[i] = Dot(matrix.Slice(i * Columns, Columns), q.Slice(j * Columns, Columns));
            var before = MathF.Sqrt(Dot(column, column));
            for (var pass = 0; pass < 2; pass++)
            {
                for (var other = 0; other < j; other++)
                {
                    var earlier = p.Slice(other * rows, rows);
                    AddScaled(column, earlier, -Dot(column, earlier));
                }
            }
            var length = MathF.Sqrt(Dot(column, column));
            if (length <= Negligible * before)
                column.Clear();
            else
                Elementwise.Multiply(column, 1f / length, column);
        }
    }

    /// <summary>Q = Mᵀ·P.</summary>
    public static void BackProject(ReadOnlySpan<float> matrix, ReadOnlySpan<float> p, Span<float> q, int rows, int rank)
    {
        Require(matrix, p, q, rows, rank);
        q[..(rank * Columns)].Clear();
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < rank; j++)
                AddScaled(q.Slice(j * Columns, Columns), matrix.Slice(i * Columns, Columns), p[j * rows + i]);
        }
    }

    /// <summary>M = P·Qᵀ.</summary>
    public static void Expand(ReadOnlySpan<float> p, ReadOnlySpan<float> q, Span<float> matrix, int rows, int rank)
    {
        Require(matrix, p, q, rows, rank);
        matrix[..(rows * Columns)].Clear();
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < rank; j++)
                AddScaled(matrix.Slice(i * Columns, Columns), q.Slice(j * Columns, Columns), p[j * rows + i]);
        }
    }

    private static void Require(ReadOnlySpan<float> matrix, ReadOnlySpan<float> p, ReadOnlySpan<float> q, int rows, int rank)
    {
        if (rows is < 1 or > MaxRows || rank < 1 || rank > rows)
            throw new ArgumentException($"LowRank: rank {rank} of {rows} rows, expected 1 to {MaxRows} rows and a rank of 1 to as many");
        Lanes.RequireLength(nameof(LowRank), nameof(matrix), matrix.Length, rows * Columns);
        Lanes.RequireLength(nameof(LowRank), nameof(p), p.Length, rank * rows);
        Lanes.RequireLength(nameof(LowRank), nameof(q), q.Length, rank * Columns);
    }

    // Short spans whose products fit the nearest cache: sixteen lanes and their fixed tree, nothing fused, so every numerics level gives the same bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        var sum = Vector512<float>.Zero;
        fixed (float* a = x, b = y)
        {
            var i = 0;
            for (; i <= x.Length - Lanes.Count; i += Lanes.Count)
                sum += Lanes.Load(a + i) * Lanes.Load(b + i);
            if (i < x.Length)
                sum += Lanes.Load(a + i, x.Length - i) * Lanes.Load(b + i, x.Length - i);
        }
        return Lanes.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled(Span<float> y, ReadOnlySpan<float> x, float factor)
    {
        var scale = Vector512.Create(factor);
        fixed (float* a = x, b = y)
        {
            var i = 0;
            for (; i <= y.Length - Lanes.Count; i += Lanes.Count)
                (Lanes.Load(b + i) + Lanes.Load(a + i) * scale).Store(b + i);
            if (i < y.Length)
                Lanes.Store(Lanes.Load(b + i, y.Length - i) + Lanes.Load(a + i, y.Length - i) * scale, b + i, y.Length - i);
        }
    }
}
