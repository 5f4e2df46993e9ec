using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Golden;

/// <summary>Operations by PyTorch's names, called with a figure's inputs and attributes.</summary>
internal static partial class OperationTable
{
    private static readonly Dictionary<string, Func<Tensor[], Attributes, Tensor>> Table = new()
    {
        ["add"] = (x, _) => x[0] + x[1],
        ["sub"] = (x, _) => x[0] - x[1],
        ["mul"] = (x, _) => x[0] * x[1],
        ["div"] = (x, _) => x[0] / x[1],
        ["relu"] = (x, _) => x[0].Relu(),
        ["neg"] = (x, _) => -x[0],
        ["pow"] = (x, a) => x[0].Pow(a.Float("exponent")),
        ["linear"] = (x, _) => x[0].Linear(x[1], x.Length > 2 ? x[2] : null),
        ["reshape"] = (x, a) => x[0].Reshape(a.Ints("shape")),
        ["transpose"] = (x, a) => x[0].Transpose(a.Int("dim0"), a.Int("dim1")),
    };

    public static Func<Tensor[], Attributes, Tensor> Find(string name) =>
        Table.TryGetValue(name, out var operation) ? operation : throw new NotSupportedException($"there is no operation called {name}");
}
