using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// One of a convolution's three products, whole or shared among <see cref="KernelThreads"/>: y and dx are cut between samples, dw between kernel elements, so that no
/// chain is cut.
/// </summary>
internal unsafe struct ConvolutionJob
{
    // Multiply-adds from which on sharing pays, as for matrix products.
    private const double SharedFrom = 1 << 20;

    public ConvShape Shape;

    /// <summary>x and y, or their gradients; weight, or its gradient; bias or null.</summary>
    public float* Input;
    public float* Weight;
    public float* Bias;
    public float* Output;
    public Activation Activation;
    public bool Accumulate;

    public static void Forward(SimdLevel level, ref ConvolutionJob job) =>
        Run(level, ref job, &ForwardPart<Avx512Ops, Vector512<float>>, &ForwardPart<Avx2Ops, Vector256<float>>, &ForwardPart<PortableOps, Vector128<float>>);

    public static void BackwardInput(SimdLevel level, ref ConvolutionJob job) =>
        Run(level, ref job, &InputPart<Avx512Ops, Vector512<float>>, &InputPart<Avx2Ops, Vector256<float>>, &InputPart<PortableOps, Vector128<float>>);

    public static void BackwardWeight(SimdLevel level, ref ConvolutionJob job) =>
        Run(level, ref job, &WeightPart<Avx512Ops, Vector512<float>>, &WeightPart<Avx2Ops, Vector256<float>>, &WeightPart<PortableOps, Vector128<float>>);

    private static void Run(
        SimdLevel level, ref ConvolutionJob job, delegate*<void*, int, int, void> avx512, delegate*<void*, int, int, void> avx2, delegate*<void*, int, int, void> portable)
    {
        var part = level == SimdLevel.Avx512 ? avx512 : level == SimdLevel.Avx2 ? avx2 : portable;
        fixed (ConvolutionJob* context = &job)
        {
            var work = (double)job.Shape.OutputLength * job.Shape.GroupInChannels * job.Shape.KernelH * job.Shape.KernelW;
            if (KernelThreads.Current is { Count: > 1 } threads && work >= SharedFrom) threads.Run(part, context);
            else part(context, 0, 1);
        }
    }

    private static void ForwardPart<TOps, TVector>(void* context, int part, int parts)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        var job = ((ConvolutionJob*)context)->Samples(part, parts);
        if (job.Shape.Batch > 0) ConvolutionKernels.Forward<TOps, TVector>(job.Shape, job.Input, job.Weight, job.Bias, job.Output, job.Activation);
    }

    private static void InputPart<TOps, TVector>(void* context, int part, int parts)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        var job = ((ConvolutionJob*)context)->Samples(part, parts);
        if (job.Shape.Batch > 0) ConvolutionGradient.Run<TOps, TVector>(job.Shape, job.Output, job.Weight, job.Input, job.Accumulate);
    }

    private static void WeightPart<TOps, TVector>(void* context, int part, int parts)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        var job = *(ConvolutionJob*)context;
        int elements = job.Shape.GroupInChannels * job.Shape.KernelH * job.Shape.KernelW, first = (int)((long)elements * part / parts), end = (int)((long)elements * (part + 1) / parts);
        if (end > first) ConvolutionKernels.BackwardWeight<TOps, TVector>(job.Shape, job.Input, job.Output, job.Weight, job.Accumulate, first, end - first);
    }

    private readonly ConvolutionJob Samples(int part, int parts)
    {
        int first = (int)((long)Shape.Batch * part / parts), end = (int)((long)Shape.Batch * (part + 1) / parts);
        return this with
        {
            Shape = Shape with { Batch = end - first }, Input = Input + ((nint)first * Shape.InChannels * Shape.Height * Shape.Width),
            Output = Output + ((nint)first * Shape.OutChannels * Shape.OutHeight * Shape.OutWidth),
        };
    }
}
