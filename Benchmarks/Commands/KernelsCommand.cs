using System.Globalization;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Benchmarks.Commands;

/// <summary><c>kernels [batch]</c>: each compute kernel on the shapes of the named workloads, as a share of what bounds it. A small batch suits a busy machine.</summary>
internal static class KernelsCommand
{
    public static int Run(string[] args)
    {
        var batch = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 64;
        Convolutions("cnn conv1", new(batch, 1, 28, 28, 32, 3, 3));
        Convolutions("cnn conv2", new(batch, 32, 13, 13, 64, 3, 3));
        Convolutions("3x3 of 64 channels, padded", new(8, 64, 32, 32, 64, 3, 3, PadH: 1, PadW: 1));
        Convolutions("3x3 of 64 channels, stride 2", new(8, 64, 32, 32, 128, 3, 3, 2, 2, 1, 1));
        Convolutions("1x1 of 256 channels", new(8, 256, 14, 14, 256, 1, 1));
        Pools("cnn pool1", new(batch * 32, 26, 26, 2, 2, 2, 2));
        Pools("cnn pool2", new(batch * 64, 11, 11, 2, 2, 2, 2));
        VectorKernels.Run();
        return 0;
    }

    // Multiply-adds that meet data, not padding, over the machine's peak.
    private static void Convolutions(string name, ConvShape shape)
    {
        FloatBuffer x = Data.Aligned(shape.InputLength, 1), w = Data.Aligned(shape.WeightLength, 2), bias = Data.Aligned(shape.OutChannels, 3);
        FloatBuffer y = Data.Aligned(shape.OutputLength, 4), dx = new(x.Length), dw = new(w.Length), db = new(bias.Length), result = new(y.Length);
        var flops = 2.0 * shape.OutputLength * shape.GroupInChannels * shape.KernelH * shape.KernelW;
        Report(name, "forward", flops, () => Convolution.Forward(shape, x.Span, w.Span, bias.Span, result.Span, Activation.Relu));
        Report(name, "backward input", flops, () => Convolution.BackwardInput(shape, y.Span, w.Span, dx.Span));
        Report(name, "backward weight", flops, () => Convolution.BackwardWeight(shape, x.Span, y.Span, dw.Span));
        ReportMemory(name, "backward bias", y.Length * 4.0, () => Convolution.BackwardBias(shape, y.Span, db.Span));
    }

    private static void Pools(string name, PoolShape shape)
    {
        FloatBuffer x = Data.Aligned(shape.InputLength, 1), y = new(shape.OutputLength), dx = new(x.Length);
        var argmax = new int[y.Length];
        ReportMemory(name, "max forward", 4.0 * (x.Length + (2 * y.Length)), () => Pooling.MaxForward(shape, x.Span, y.Span, argmax));
        ReportMemory(name, "max backward", 4.0 * (x.Length + (2 * y.Length)), () => Pooling.MaxBackward(shape, y.Span, argmax, dx.Span));
        ReportMemory(name, "average forward", 4.0 * (x.Length + y.Length), () => Pooling.AverageForward(shape, x.Span, y.Span));
        ReportMemory(name, "average backward", 4.0 * (x.Length + y.Length), () => Pooling.AverageBackward(shape, y.Span, dx.Span));
    }

    private static void Report(string name, string kernel, double flops, Action action)
    {
        Machine.PeakGflops();
        var seconds = Measure.Seconds(action);
        var gflops = flops / seconds / 1e9;
        Measure.Print(
            ("workload", "kernels"), ("shape", name), ("kernel", kernel), ("ms", seconds * 1e3), ("gflops", gflops), ("bound", "compute"),
            ("share_of_bound", gflops / Machine.PeakGflops()));
    }

    private static void ReportMemory(string name, string kernel, double bytes, Action action)
    {
        var seconds = Measure.Seconds(action);
        Measure.Print(
            ("workload", "kernels"), ("shape", name), ("kernel", kernel), ("ms", seconds * 1e3), ("gb_per_s", bytes / seconds / 1e9), ("bound", "memory"),
            ("share_of_bound", bytes / seconds / 1e9 / Machine.Gigabytes(bytes)));
    }
}
