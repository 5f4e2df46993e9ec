using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DistTrain.Simd;

/// <summary>
/// CRC-32C (Castagnoli; RFC 3720, appendix B.4: "123456789" gives E3069283), by the processor's instruction (SSE 4.2, Arm CRC32) or, without one, by tables. It finds accidents, not forgery.
/// </summary>
public static partial class Crc32C
{
    // The instruction has a latency of three cycles and a throughput of one: three stripes side by side keep it busy.
    private const int Stripe = 2048;

    // What Stripe zero bytes do to a state, by each of its four bytes.
    private static readonly uint[] Shift = MakeShift();

    /// <summary>The checksum of some bytes.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <summary>The checksum of everything before, given by its own checksum, followed by these bytes: any cut gives the checksum of the whole.</summary>
    public static uint Append(uint checksum, ReadOnlySpan<byte> bytes)
    {
        uint state = ~checksum;
        if (bytes.Length >= LeastToFold && CanFold)
        {
            int whole = bytes.Length & -Fold;
            state = FoldAll(state, bytes[..whole], System.Runtime.Intrinsics.X86.Pclmulqdq.V512.IsSupported);
            bytes = bytes[whole..];
        }
        while (bytes.Length >= 3 * Stripe)
        {
            ref byte first = ref MemoryMarshal.GetReference(bytes);
            uint a = state, b = 0, c = 0;
            for (var i = 0; i < Stripe; i += sizeof(ulong))
            {
                a = BitOperations.Crc32C(a, Read(ref first, i));
                b = BitOperations.Crc32C(b, Read(ref first, Stripe + i));
                c = BitOperations.Crc32C(c, Read(ref first, 2 * Stripe + i));
            }
            state = OverStripe(OverStripe(a) ^ b) ^ c;
            bytes = bytes[(3 * Stripe)..];
        }
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var value in bytes)
            state = BitOperations.Crc32C(state, value);
        return ~state;
    }

    /// <summary>Copies bytes and gives their checksum with everything before, in one pass over them where the processor can: what does not fit into its caches is then read once.</summary>
    /// <param name="checksum">The checksum of everything before.</param>
    /// <param name="source">The bytes.</param>
    /// <param name="destination">Room for them; no part of the source.</param>
    public static uint Copy(uint checksum, ReadOnlySpan<byte> source, Span<byte> destination)
    {
        destination = destination[..source.Length];
        uint state = ~checksum;
        if (source.Length >= LeastToFold && System.Runtime.Intrinsics.X86.Pclmulqdq.V512.IsSupported)
        {
            int whole = source.Length & -Fold;
            state = FoldAndCopy(state, source[..whole], destination);
            source = source[whole..];
            destination = destination[whole..];
        }
        source.CopyTo(destination);
        return Append(~state, source);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Read(ref byte first, int offset) => Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref first, offset));

    private static uint OverStripe(uint state)
        => Shift[state & 0xFF] ^ Shift[256 + ((state >> 8) & 0xFF)] ^ Shift[512 + ((state >> 16) & 0xFF)] ^ Shift[768 + (state >> 24)];

    // The map is linear over bits: the images of the 32 single bits give all others.
    private static uint[] MakeShift()
    {
        var images = new uint[32];
        for (var bit = 0; bit < 32; bit++)
        {
            var state = 1u << bit;
            for (var i = 0; i < Stripe; i += sizeof(ulong))
                state = BitOperations.Crc32C(state, 0ul);
            images[bit] = state;
        }
        var table = new uint[4 * 256];
        for (var i = 0; i < table.Length; i++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                if ((i & (1 << bit)) != 0)
                    table[i] ^= images[i / 256 * 8 + bit];
            }
        }
        return table;
    }
}
