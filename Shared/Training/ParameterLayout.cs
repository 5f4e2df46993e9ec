using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using DistTrain.Tensors;

namespace DistTrain.Training;

/// <summary>Where one parameter or buffer of a model stands in the flat buffer.</summary>
/// <param name="Name">Its state-dict name, such as <c>0.weight</c>; for tied parameters, the first one registered.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Offset">The index of its first float; a multiple of 16 (64 bytes).</param>
/// <param name="Length">Its number of elements.</param>
public sealed record LayoutEntry(string Name, ImmutableArray<int> Shape, int Offset, int Length);

/// <summary>
/// Lays all parameters of a model end to end in one float buffer, in registration order, each on a 64-byte border; behind them, from a
/// border of <see cref="BlockLength"/> floats, the model's buffers (BatchNorm's running statistics). Everything that crosses a process is a slice of such a buffer.
/// </summary>
public sealed class ParameterLayout
{
    /// <summary>The number of floats in a block: norms are sums over blocks; buckets and server ranges are cut at block borders.</summary>
    public const int BlockLength = 4096;

    /// <summary>Lays out parameters and buffers of the given names and shapes.</summary>
    /// <exception cref="OverflowException">They hold more than 2^31 elements.</exception>
    public ParameterLayout(IEnumerable<(string Name, ImmutableArray<int> Shape)> parameters, IEnumerable<(string Name, ImmutableArray<int> Shape)>? buffers = null)
    {
        Parameters = Place(parameters, 0, out int end);
        ParameterLength = end;
        Buffers = Place(buffers ?? [], AlignToBlock(end), out end);
        Length = Buffers.IsEmpty ? ParameterLength : end;
        Hash = ComputeHash();
    }

    /// <summary>The parameters in registration order, tied ones once.</summary>
    public ImmutableArray<LayoutEntry> Parameters { get; }

    /// <summary>The buffers (running statistics) in registration order.</summary>
    public ImmutableArray<LayoutEntry> Buffers { get; }

    /// <summary>Floats that parameters take, padding included.</summary>
    public int ParameterLength { get; }

    /// <summary>Floats that parameters and buffers take, padding included: the length of a flat buffer.</summary>
    public int Length { get; }

    /// <summary>The number of trainable elements, padding excluded.</summary>
    public long ParameterCount => Parameters.Sum(p => (long)p.Length);

    /// <summary>SHA-256 (hex) over names, shapes and offsets: two nodes with equal hashes mean the same floats by the same indices.</summary>
    public string Hash { get; }

    /// <summary>Sets the floats between parameters (padding to 64-byte borders) to zero in a slice of a flat buffer.</summary>
    /// <param name="slice">The slice.</param>
    /// <param name="offset">Where it starts in the layout.</param>
    public void ClearPadding(Span<float> slice, int offset)
    {
        int low = 0, high = Parameters.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (PaddedEnd(middle) <= offset) low = middle + 1;
            else high = middle;
        }
        for (int i = low; i < Parameters.Length && Parameters[i].Offset < offset + slice.Length; i++)
        {
            int from = Math.Max(Parameters[i].Offset + Parameters[i].Length - offset, 0), to = Math.Min(PaddedEnd(i) - offset, slice.Length);
            if (from < to) slice[from..to].Clear();
        }
    }

    /// <summary>
    /// <c>weights_sha256</c>: SHA-256 (lower-case hex) over each parameter's elements in registration order, float32 little-endian, no padding.
    /// </summary>
    public string WeightsSha256(ReadOnlySpan<float> flat)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, Parameters, flat);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Appends the elements of the given entries, without padding, to a hash.</summary>
    public static void Append(IncrementalHash hash, ImmutableArray<LayoutEntry> entries, ReadOnlySpan<float> flat)
    {
        foreach (var entry in entries)
            hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(flat.Slice(entry.Offset, entry.Length)));
    }

    private static ImmutableArray<LayoutEntry> Place(IEnumerable<(string Name, ImmutableArray<int> Shape)> items, int offset, out int end)
    {
        var entries = ImmutableArray.CreateBuilder<LayoutEntry>();
        foreach (var (name, shape) in items)
        {
            int length = 1;
            foreach (int size in shape) length = checked(length * size);
            entries.Add(new LayoutEntry(name, shape, offset, length));
            offset = checked(offset + FloatBuffer.AlignUp(length));
        }
        end = offset;
        return entries.ToImmutable();
    }

    private int PaddedEnd(int index) => index + 1 < Parameters.Length ? Parameters[index + 1].Offset : ParameterLength;

    private static int AlignToBlock(int offset) => checked(offset + BlockLength - 1) / BlockLength * BlockLength;

    private string ComputeHash()
    {
        var text = new StringBuilder("layout 1\n");
        foreach (var entry in Parameters) text.Append('p').Append(entry.Offset).Append(' ').AppendJoin('x', entry.Shape).Append(' ').Append(entry.Name).Append('\n');
        foreach (var entry in Buffers) text.Append('b').Append(entry.Offset).Append(' ').AppendJoin('x', entry.Shape).Append(' ').Append(entry.Name).Append('\n');
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
