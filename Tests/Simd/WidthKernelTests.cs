namespace DistTrain.Tests.Simd;

/// <summary>Runs the bandwidth-bound kernels in processes that may not use this machine's wider vectors, and compares bits.</summary>
public class WidthKernelTests
{
    [Theory]
    [InlineData("DOTNET_PreferredVectorBitWidth", "256")]
    [InlineData("DOTNET_EnableAVX512", "0")]
    [InlineData("DOTNET_EnableAVX2", "0")]
    [InlineData("DOTNET_EnableHWIntrinsic", "0")]
    public async Task Kernels_have_the_same_bits_with_instruction_sets_switched_off(string variable, string value)
    {
        var narrow = Digests(variable, value);
        var wide = await Digests("DISTTRAIN_NOTHING", "0");
        Assert.Equal(71, wide.Length);
        Assert.Equal(wide, await narrow);
    }

    private static Task<string[]> Digests(string variable, string value) => BenchmarkProcess.LinesAsync(["vector-digest"], (variable, value));
}
