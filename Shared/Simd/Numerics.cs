using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Simd;

/// <summary>An instruction set that kernels are written for, from the one every machine has to the widest.</summary>
public enum SimdLevel
{
    /// <summary>128-bit vectors, multiply then add (no fused operation): runs everywhere, Arm64 included, with the same bits everywhere.</summary>
    Portable,

    /// <summary>256-bit vectors with fused multiply-add.</summary>
    Avx2,

    /// <summary>512-bit vectors with fused multiply-add. Gives the bits of <see cref="Avx2"/>.</summary>
    Avx512,
}

/// <summary>
/// Which instruction set this process computes with. It belongs to the job, not to the machine: every worker of a job runs the level that the
/// job was started with, so that a faster machine that joins later gives the same bits.
/// </summary>
public static class Numerics
{
    private static readonly SimdLevel Widest = Detect();

    // Read once per kernel call. An int-sized field needs no lock; it is set before a job's first kernel runs.
    private static SimdLevel level = Widest;

    /// <summary>The best level that this processor and runtime offer.</summary>
    public static SimdLevel Best => Widest;

    /// <summary>The level that kernels run at; <see cref="Best"/> until <see cref="Use"/> sets another.</summary>
    public static SimdLevel Level => level;

    /// <summary>Whether this machine can run <paramref name="candidate"/>.</summary>
    public static bool IsSupported(SimdLevel candidate) => candidate <= Widest;

    /// <summary>Sets the level of the whole process; called once, before a job's first kernel.</summary>
    /// <exception cref="PlatformNotSupportedException">This machine cannot run the level.</exception>
    public static void Use(SimdLevel chosen)
    {
        if (!IsSupported(chosen))
            throw new PlatformNotSupportedException(
                $"Numerics level {Name(chosen)}: this machine offers {Name(Widest)} at most; start the job with --numerics {Name(Widest)} or lower.");
        level = chosen;
    }

    /// <summary>The level's name as the command line and the job file write it: <c>avx512</c>, <c>avx2</c> or <c>portable</c>.</summary>
    public static string Name(SimdLevel named) => named switch
    {
        SimdLevel.Avx512 => "avx512",
        SimdLevel.Avx2 => "avx2",
        SimdLevel.Portable => "portable",
        _ => throw new ArgumentOutOfRangeException(nameof(named), named, "Not a numerics level."),
    };

    /// <summary>Reads a level's name; <c>auto</c> is not one, since it means <see cref="Best"/> on one machine and the lowest of many in a job.</summary>
    public static bool TryParse(string name, out SimdLevel parsed)
    {
        foreach (var candidate in (ReadOnlySpan<SimdLevel>)[SimdLevel.Portable, SimdLevel.Avx2, SimdLevel.Avx512])
        {
            if (!string.Equals(name, Name(candidate), StringComparison.OrdinalIgnoreCase)) continue;
            parsed = candidate;
            return true;
        }

        parsed = default;
        return false;
    }

    private static SimdLevel Detect() =>
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? SimdLevel.Avx512
        : Vector256.IsHardwareAccelerated && Avx2.IsSupported && Fma.IsSupported ? SimdLevel.Avx2
        : SimdLevel.Portable;
}
