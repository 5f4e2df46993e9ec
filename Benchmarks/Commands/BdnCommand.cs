namespace DistTrain.Benchmarks.Commands;

internal static class BdnCommand
{
    public static int Run(string[] args) => 0;
}
