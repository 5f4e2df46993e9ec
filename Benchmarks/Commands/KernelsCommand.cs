namespace DistTrain.Benchmarks.Commands;

internal static class KernelsCommand
{
    public static int Run(string[] args) => 0;
}
