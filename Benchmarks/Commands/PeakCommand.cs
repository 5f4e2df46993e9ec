using DistTrain.Simd;

namespace DistTrain.Benchmarks.Commands;

/// <summary><c>peak</c>: the machine's bounds.</summary>
internal static class PeakCommand
{
    public static int Run(string[] args)
    {
        var (read, copy) = Machine.MemoryGigabytes();
        Measure.Print(
            ("workload", "peak"), ("numerics", Numerics.Name(Numerics.Level)), ("gflops", Machine.PeakGflops()), ("read_gb_per_s", read), ("copy_gb_per_s", copy),
            ("processors", Environment.ProcessorCount));
        return 0;
    }
}
