using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Simd;

/// <summary>
/// CRC-32C by carry-less multiplication, where the processor has it for whole vectors: 256 bytes at a time are folded onto the next 256, about four times as fast as the CRC instruction
/// (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel 2009).
/// </summary>
public static partial class Crc32C
{
    /// <summary>Bytes that one round of folding takes.</summary>
    private const int Fold = 256;

    // How far ahead lines are asked for.
    private const nuint Ahead = 2048;

    // Stores of longer copies go around the caches, which would first read each line that they are to hold and then lose what is of use there: 64 MiB come from another process's memory at 14 GB/s where they came at 6.
    private const int LeastAroundCaches = 2 << 20;

    // Shorter ones are quicker without: what is left of a fold goes through the instruction.
    private const int LeastToFold = 4 * Fold;

    // x^(d+32) and x^(d-32) modulo the polynomial, bits reversed, one place up; d are the 2,048 bits of a round.
    private const ulong LowHalf = 0xDCB17AA4, HighHalf = 0xB9E02B86;

    private static bool CanFold => Pclmulqdq.V512.IsSupported || Pclmulqdq.V256.IsSupported;

    /// <summary>Folds whole rounds of the bytes, and gives the state after them.</summary>
    /// <param name="state">The state before them.</param>
    /// <param name="bytes">One or more whole rounds.</param>
    /// <param name="wide">Whether vectors of 512 bits are used, or of 256.</param>
    internal static uint FoldAll(uint state, ReadOnlySpan<byte> bytes, bool wide)
    {
        Span<byte> folded = stackalloc byte[Fold];
        if (wide) Fold512(state, bytes, folded);
        else Fold256(state, bytes, folded);
        return Rest(folded);
    }

    /// <summary>Folds whole rounds of the bytes and copies them.</summary>
    private static unsafe uint FoldAndCopy(uint state, ReadOnlySpan<byte> bytes, Span<byte> copy)
    {
        ref byte first = ref MemoryMarshal.GetReference(bytes);
        fixed (byte* to = copy)
        {
            bool aroundCaches = bytes.Length >= LeastAroundCaches && (nuint)to % 64 == 0;
            var by = Vector512.Create(Vector256.Create(Vector128.Create(LowHalf, HighHalf)));
            var (a, b, c, d) = (Vector512<ulong>.Zero, Vector512<ulong>.Zero, Vector512<ulong>.Zero, Vector512<ulong>.Zero);
            var start = Vector512.CreateScalar((ulong)state);
            for (nuint at = 0; at < (nuint)bytes.Length; at += Fold)
            {
                Prefetch(ref first, at);
                var (e, f, g, h) = (Vector512.LoadUnsafe(ref first, at), Vector512.LoadUnsafe(ref first, at + 64), Vector512.LoadUnsafe(ref first, at + 128), Vector512.LoadUnsafe(ref first, at + 192));
                if (aroundCaches)
                {
                    e.StoreAlignedNonTemporal(to + at);
                    f.StoreAlignedNonTemporal(to + at + 64);
                    g.StoreAlignedNonTemporal(to + at + 128);
                    h.StoreAlignedNonTemporal(to + at + 192);
                }
                else
                {
                    e.Store(to + at);
                    f.Store(to + at + 64);
                    g.Store(to + at + 128);
                    h.Store(to + at + 192);
                }
                // Folding nothing gives nothing, so the first round needs no case of its own.
                a = Step(a, by, e.AsUInt64() ^ start);
                b = Step(b, by, f.AsUInt64());
                c = Step(c, by, g.AsUInt64());
                d = Step(d, by, h.AsUInt64());
                start = Vector512<ulong>.Zero;
            }
            if (aroundCaches) Sse.StoreFence();
            Span<byte> folded = stackalloc byte[Fold];
            Store(a, b, c, d, folded);
            return Rest(folded);
        }
    }

    /// <summary>The processor's own reading ahead ends with the page of 4 KiB, and so would each page begin with a wait.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Prefetch(ref byte first, nuint at)
    {
        byte* ahead = (byte*)Unsafe.AsPointer(ref Unsafe.Add(ref first, at + Ahead));
        Sse.Prefetch0(ahead);
        Sse.Prefetch0(ahead + 64);
        Sse.Prefetch0(ahead + 128);
        Sse.Prefetch0(ahead + 192);
    }

    /// <summary>What is left after folding stands for everything before it, as if the state were 0.</summary>
    private static uint Rest(ReadOnlySpan<byte> folded)
    {
        uint rest = 0;
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(folded)) rest = System.Numerics.BitOperations.Crc32C(rest, word);
        return rest;
    }

    private static void Fold512(uint state, ReadOnlySpan<byte> bytes, Span<byte> folded)
    {
        ref byte first = ref MemoryMarshal.GetReference(bytes);
        var by = Vector512.Create(Vector256.Create(Vector128.Create(LowHalf, HighHalf)));
        var a = Vector512.LoadUnsafe(ref first).AsUInt64() ^ Vector512.CreateScalar((ulong)state);
        var b = Vector512.LoadUnsafe(ref first, 64).AsUInt64();
        var c = Vector512.LoadUnsafe(ref first, 128).AsUInt64();
        var d = Vector512.LoadUnsafe(ref first, 192).AsUInt64();
        for (nuint at = Fold; at < (nuint)bytes.Length; at += Fold)
        {
            Prefetch(ref first, at);
            a = Step(a, by, Vector512.LoadUnsafe(ref first, at).AsUInt64());
            b = Step(b, by, Vector512.LoadUnsafe(ref first, at + 64).AsUInt64());
            c = Step(c, by, Vector512.LoadUnsafe(ref first, at + 128).AsUInt64());
            d = Step(d, by, Vector512.LoadUnsafe(ref first, at + 192).AsUInt64());
        }
        Store(a, b, c, d, folded);
    }

    private static void Store(Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> c, Vector512<ulong> d, Span<byte> folded)
    {
        ref byte to = ref MemoryMarshal.GetReference(folded);
        a.AsByte().StoreUnsafe(ref to);
        b.AsByte().StoreUnsafe(ref to, 64);
        c.AsByte().StoreUnsafe(ref to, 128);
        d.AsByte().StoreUnsafe(ref to, 192);
    }

    private static void Fold256(uint state, ReadOnlySpan<byte> bytes, Span<byte> folded)
    {
        ref byte first = ref MemoryMarshal.GetReference(bytes);
        var by = Vector256.Create(Vector128.Create(LowHalf, HighHalf));
        bytes[..Fold].CopyTo(folded);
        ref byte to = ref MemoryMarshal.GetReference(folded);
        (Vector256.LoadUnsafe(ref to).AsUInt64() ^ Vector256.CreateScalar((ulong)state)).AsByte().StoreUnsafe(ref to);
        // Two vectors at a time stay in registers for the whole length; eight at a time would not.
        for (nuint lane = 0; lane < Fold; lane += 64)
        {
            var a = Vector256.LoadUnsafe(ref to, lane).AsUInt64();
            var b = Vector256.LoadUnsafe(ref to, lane + 32).AsUInt64();
            for (nuint at = Fold + lane; at < (nuint)bytes.Length; at += Fold)
            {
                a = Step(a, by, Vector256.LoadUnsafe(ref first, at).AsUInt64());
                b = Step(b, by, Vector256.LoadUnsafe(ref first, at + 32).AsUInt64());
            }
            a.AsByte().StoreUnsafe(ref to, lane);
            b.AsByte().StoreUnsafe(ref to, lane + 32);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Step(Vector512<ulong> folded, Vector512<ulong> by, Vector512<ulong> next) =>
        Pclmulqdq.V512.CarrylessMultiply(folded, by, 0x00) ^ Pclmulqdq.V512.CarrylessMultiply(folded, by, 0x11) ^ next;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Step(Vector256<ulong> folded, Vector256<ulong> by, Vector256<ulong> next) =>
        Pclmulqdq.V256.CarrylessMultiply(folded, by, 0x00) ^ Pclmulqdq.V256.CarrylessMultiply(folded, by, 0x11) ^ next;
}
