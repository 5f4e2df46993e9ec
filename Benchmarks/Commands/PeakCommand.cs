using DistTrain.Simd;

namespace DistTrain.Benchmarks.Commands;

/// <summary><c>peak</c>: the machine's bounds.</summary>
internal static class PeakCommand
{
    public static int Run(string[] args)
    {
        Measure.Print(
            ("workload", "peak"), ("numerics", Numerics.Name(Numerics.Level)), ("gflops", Machine.PeakGflops()), ("read_gb_per_s", Machine.ReadGigabytes),
            ("copy_gb_per_s", Machine.CopyGigabytes),
            ("processors", Environment.ProcessorCount));
        return 0;
    }
}
