using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;

namespace DistTrain.Tests.Examples;

/// <summary>The README's example of the two lines that everything is about. <see cref="ReadmeTests"/> holds the README to what stands between the marks, and runs it.</summary>
internal static class TwoLinesExample
{
    public static void Run(TextWriter console)
    {
        // <example>
        var x = new Parameter(Tensor.From(1f, 2f));
        var optimizer = new SGD([x], learningRate: 0.001);
        var loss = (100f * x.Value).Sum();

        loss.Backward(); // every parameter now holds its gradient in .Grad
        console.WriteLine(string.Join(", ", x.Grad!.Value.ToArray())); // 100, 100

        optimizer.Step(); // the optimizer reads .Grad and nothing else
        console.WriteLine(string.Join(", ", x.Value.ToArray())); // 0.9, 1.9
        // </example>
    }
}
