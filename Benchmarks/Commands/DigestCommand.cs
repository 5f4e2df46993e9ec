namespace DistTrain.Benchmarks.Commands;

internal static class DigestCommand
{
    public static int Run(string[] args) => 0;
}
