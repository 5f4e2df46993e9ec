using System.Text.Json;
using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Golden;

/// <summary>One figure of an operation, ready to run: its inputs as leaves and what is to come out.</summary>
internal sealed class OperationRun
{
    private readonly JsonElement figure;
    private readonly Tensor[] inputs;
    private readonly Attributes attributes;
    private readonly Func<Tensor[], Attributes, Tensor> operation;

    /// <summary>Reads a figure.</summary>
    /// <param name="figure">The file.</param>
    /// <param name="strided">Lay the inputs out so that they are not contiguous.</param>
    public OperationRun(JsonElement figure, bool strided = false)
    {
        this.figure = figure;
        string name = figure.GetProperty("op").GetString()!;
        operation = OperationTable.Find(name);
        attributes = new Attributes(figure.GetProperty("attrs"));
        inputs = [.. Figure.List(figure.GetProperty("inputs")).Select(t => strided ? Strided(t) : t)];
        foreach (var input in inputs)
            if (input.Type == DType.Float32) input.RequiresGrad_();
    }

    /// <summary>Runs forward and checks that every setting was understood.</summary>
    public Tensor Forward()
    {
        var output = operation(inputs, attributes);
        attributes.AllWereRead();
        return output;
    }

    /// <summary>Runs forward only.</summary>
    public Tensor Apply() => operation(inputs, attributes);

    public float[][] Gradients() => [.. inputs.Select(x => x.Grad?.ToArray() ?? [])];

    public void ZeroGrad()
    {
        foreach (var input in inputs) input.ZeroGrad();
    }

    public void CheckGradients()
    {
        foreach (var (i, expected) in figure.GetProperty("grads").EnumerateArray().Index())
        {
            if (expected.ValueKind == JsonValueKind.Null) continue;
            Assert.True(inputs[i].Grad != null, $"input {i} got no gradient");
            Figure.Close(expected, inputs[i].Grad!.Value, $"gradient of input {i}");
        }
    }

    /// <summary>The same values with the first and the last dimension exchanged in memory.</summary>
    private static Tensor Strided(Tensor t) => t.Rank < 2 ? t : t.Transpose(0, -1).Contiguous().Transpose(0, -1);
}
