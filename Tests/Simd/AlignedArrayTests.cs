using System.Globalization;
using System.Runtime.InteropServices;
using DistTrain.Tensors;

namespace DistTrain.Tests.Simd;

public sealed class AlignedArrayTests
{
    private const string Setting = "/sys/kernel/mm/transparent_hugepage/enabled";
    private const int LargePage = 2 << 20;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(262_143)]
    [InlineData(262_144)]
    [InlineData(3_000_001)]
    public void A_buffer_starts_on_a_cache_line_and_has_all_of_its_floats_as_zeros(int length)
    {
        var buffer = new FloatBuffer(length);
        Assert.Equal(length, buffer.Span.Length);
        Assert.InRange(buffer.Start, 0, buffer.Array.Length - length);
        Assert.Equal(0, Address(buffer) % 64);
        Assert.True(buffer.Span.TrimStart(0f).IsEmpty);
    }

    [SkippableFact]
    public void A_large_buffer_starts_on_a_large_page_and_the_system_may_use_such_pages()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && File.Exists(Setting), "no large pages on request here");
        var buffer = new FloatBuffer(3 * LargePage / sizeof(float) / 2);
        nint address = Address(buffer);
        Assert.Equal(0, address % LargePage);
        Assert.Contains("hg", FlagsOf(address));
    }

    private static nint Address(FloatBuffer buffer) => Marshal.UnsafeAddrOfPinnedArrayElement(buffer.Array, buffer.Start);

    /// <summary>The flags of the mapping that holds an address; see the manual page of proc, smaps.</summary>
    private static string[] FlagsOf(nint address)
    {
        bool within = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            string first = line.Split(' ')[0];
            if (first.Split('-') is [var low, var high] && nint.TryParse(low, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out nint from) && nint.TryParse(high, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out nint to))
                within = from <= address && address < to;
            else if (within && first == "VmFlags:") return line[first.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        }
        return [];
    }
}
