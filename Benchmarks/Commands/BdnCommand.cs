using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Running;
using DistTrain.Simd;

namespace DistTrain.Benchmarks.Commands;

/// <summary><c>bdn</c>: the kernels under BenchmarkDotNet, for comparing two versions of the code. Slower than the other commands, and far more careful.</summary>
internal static class BdnCommand
{
    public static int Run(string[] args)
    {
        BenchmarkSwitcher.FromTypes([typeof(GemmBenchmarks), typeof(ConvolutionBenchmarks), typeof(PoolingBenchmarks)]).Run(args);
        return 0;
    }
}

/// <summary>Square products and a worker's linear layers.</summary>
[MemoryDiagnoser]
public class GemmBenchmarks
{
    private float[] a = [];
    private float[] b = [];
    private float[] c = [];

    /// <summary>m, n, k and which sides are transposed.</summary>
    [Params("256 256 256 NN", "1024 1024 1024 NN", "64 512 784 NT", "64 784 512 NN", "784 512 64 TN", "128 2048 2048 NT")]
    public string Product { get; set; } = "";

    private int M => Size(0);

    private int N => Size(1);

    private int K => Size(2);

    [GlobalSetup]
    public void Fill() => (a, b, c) = (Data.Random(M * K, 1), Data.Random(K * N, 2), new float[M * N]);

    [Benchmark]
    public void Multiply()
    {
        bool transposeA = Product.Contains(" T"), transposeB = Product.EndsWith('T');
        Gemm.Multiply(transposeA, transposeB, M, N, K, a, transposeA ? M : K, b, transposeB ? K : N, c, N);
    }

    private int Size(int index) => int.Parse(Product.Split(' ')[index]);
}

/// <summary>The two convolutions of the <c>cnn</c> workload, batch 64.</summary>
[MemoryDiagnoser]
public class ConvolutionBenchmarks
{
    private static readonly ConvShape First = new(64, 1, 28, 28, 32, 3, 3);
    private static readonly ConvShape Second = new(64, 32, 13, 13, 64, 3, 3);

    private ConvShape shape;
    private float[] x = [];
    private float[] w = [];
    private float[] y = [];

    /// <summary>Which one.</summary>
    [Params(1, 2)]
    public int Layer { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        shape = Layer == 1 ? First : Second;
        (x, w, y) = (Data.Random(shape.InputLength, 1), Data.Random(shape.WeightLength, 2), Data.Random(shape.OutputLength, 3));
    }

    [Benchmark]
    public void Forward() => Convolution.Forward(shape, x, w, [], y);

    [Benchmark]
    public void BackwardInput() => Convolution.BackwardInput(shape, y, w, x);

    [Benchmark]
    public void BackwardWeight() => Convolution.BackwardWeight(shape, x, y, w);
}

/// <summary>The first max-pooling of the <c>cnn</c> workload, batch 64.</summary>
[MemoryDiagnoser]
public class PoolingBenchmarks
{
    private static readonly PoolShape Shape = new(64 * 32, 26, 26, 2, 2, 2, 2);

    private readonly float[] x = Data.Random(Shape.InputLength, 1);
    private readonly float[] y = new float[Shape.OutputLength];
    private readonly float[] dx = new float[Shape.InputLength];
    private readonly int[] argmax = new int[Shape.OutputLength];

    [Benchmark]
    public void Forward() => Pooling.MaxForward(Shape, x, y, argmax);

    [Benchmark]
    public void Backward() => Pooling.MaxBackward(Shape, y, argmax, dx);
}
