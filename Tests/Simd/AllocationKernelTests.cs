using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

public class AllocationKernelTests
{
    [Fact]
    public void Kernels_allocate_nothing()
    {
        const int Rows = 37, N = 65, Length = Rows * N;
        float[] x = KernelReference.Normal(Length, 1), g = KernelReference.Normal(Length, 2), y = new float[Length], a = new float[Length], b = new float[Length], c = new float[Length];
        float[] mean = new float[Rows], rstd = new float[Rows];
        var targets = new long[Rows];
        var order = new int[Length];
        ReadOnlyMemory<float>[] leaves = [x, g, x, default, g, x];
        float[] weights = [0.1f, 0.2f, 0.3f, 0f, 0.2f, 0.2f];
        var shape = new AttentionShape(1, 2, 20, 20, 8);
        var layout = HeadLayout.Dense(2, 20, 8);
        float[] q = KernelReference.Normal(320, 3), dq = new float[320], dk = new float[320], dv = new float[320], heads = new float[320], sums = new float[40], workspace = new float[shape.BackwardWorkspace];

        void All()
        {
            VectorMath.GeluWithSlope(x, y, a);
            VectorMath.Sin(x, y);
            VectorMath.Pow(x, 2.5f, y);
            Elementwise.AddScaled(0.5f, x, y);
            Elementwise.AddRowRelu(Rows, N, x, g, y);
            Reduce.ColumnSum(Rows, N, x, y);
            Reduce.MaxAxis(Rows, N, 1, x, mean, targets);
            Array.Clear(targets);
            Softmax.Forward(Rows, N, 1, x, y);
            Softmax.Backward(Rows, N, 1, g, y, a);
            CrossEntropy.Forward(Rows, N, x, targets, default, -1, 0.1f, mean, rstd);
            CrossEntropy.Backward(Rows, N, x, targets, default, -1, 0.1f, rstd, 1f, default, y);
            LayerNorm.Forward(Rows, N, x, g, g, 1e-5f, y, mean, rstd);
            LayerNorm.Backward(Rows, N, g, x, g, mean, rstd, y, a, b);
            GroupNorm.Forward(1, Rows, N, 1, x, default, default, 1e-5f, y, mean, rstd);
            OptimizerKernels.Sgd(x, g, a, x, 2, 0.1, 0.9);
            OptimizerKernels.Adam(x, g, a, b, c, x, 2, 0.1);
            OptimizerKernels.NAdam(x, g, a, b, x, 2, 0.5, 0.1);
            TreeReduce.Sum(leaves, weights, 0, y);
            Philox.FillNormal(y, RandomKey.Create(1, 2, 3, 4));
            Philox.Dropout(x, y, 0.1f, RandomKey.Create(1, 2, 3));
            Philox.Permutation(order, RandomKey.Create(1, 2));
            Attention.Forward(shape, q, layout, q, layout, q, 0.3f, true, heads, layout, sums, workspace);
            Attention.Backward(shape, q, layout, q, layout, q, 0.3f, true, heads, heads, layout, sums, dq, dk, dv, workspace);
        }

        All();
        var before = GC.GetAllocatedBytesForCurrentThread();
        All();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
