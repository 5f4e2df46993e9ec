using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

/// <summary>Runs the compute-bound kernels in processes with a numerics level, or with instruction sets switched off, and compares bits.</summary>
public class ComputeLevelTests
{
    [SkippableFact]
    public async Task The_avx2_level_gives_the_bits_of_avx512()
    {
        Skip.IfNot(Numerics.IsSupported(SimdLevel.Avx512), "this machine has no AVX-512");
        var wide = Digests("avx512");
        Assert.Equal(Results(await wide), Results(await Digests("avx2")));
    }

    [SkippableFact]
    public async Task Without_avx512_a_process_takes_avx2_and_gives_the_same_bits()
    {
        Skip.IfNot(Numerics.IsSupported(SimdLevel.Avx2), "this machine has no AVX2");
        var narrow = Digests(null, ("DOTNET_EnableAVX512", "0"));
        var own = await Digests(null);
        Assert.Equal("numerics avx2", (await narrow)[0]);
        Assert.Equal(Results(own), Results(await narrow));
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task The_portable_level_gives_the_same_bits_on_every_machine(string variable)
    {
        var bare = Digests(null, (variable, "0"));
        var chosen = await Digests("portable");
        Assert.Equal(chosen, await bare);
        Assert.Equal("numerics portable", chosen[0]);
    }

    [Fact]
    public void The_portable_level_stays_within_rounding_of_the_fused_one()
    {
        const int M = 40, N = 70, K = 500;
        float[] a = Reference.Random(M * K, 1), b = Reference.Random(K * N, 2), plain = new float[M * N], best = new float[M * N];
        GemmKernels.Run(SimdLevel.Portable, false, false, M, N, K, a, K, b, N, plain, N, false);
        GemmKernels.Run(Numerics.Best, false, false, M, N, K, a, K, b, N, best, N, false);
        for (var i = 0; i < plain.Length; i++) Assert.Equal(best[i], plain[i], 1e-4f);
    }

    [SkippableFact]
    public async Task A_level_that_the_machine_lacks_is_refused()
    {
        Skip.IfNot(Numerics.IsSupported(SimdLevel.Avx2), "this machine has no AVX2");
        var error = await Assert.ThrowsAnyAsync<Exception>(() => Digests("avx2", ("DOTNET_EnableAVX2", "0")));
        Assert.Contains("Numerics level avx2: this machine offers portable at most", error.Message);
    }

    private static string[] Results(string[] lines) => lines[1..];

    private static Task<string[]> Digests(string? level, params (string Name, string Value)[] variables) => BenchmarkProcess.LinesAsync(level is null ? ["digest"] : ["digest", level], variables);
}
