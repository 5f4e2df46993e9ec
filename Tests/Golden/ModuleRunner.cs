using System.Text.Json;
using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Golden;

/// <summary>Figures of whole modules: a state dict loaded, some calls with their gradients, and the state dict after them.</summary>
internal static class ModuleRunner
{
    public static void Run(JsonElement figure)
    {
        var arguments = new Attributes(figure.GetProperty("args"));
        var (module, call) = ModuleTable.Make(figure.GetProperty("module").GetString()!, arguments);
        arguments.AllWereRead();
        module.LoadStateDict(Floats(figure.GetProperty("initial")));
        foreach (var (number, record) in figure.GetProperty("calls").EnumerateArray().Index())
        {
            module.Train(record.GetProperty("mode").GetString() == "train");
            module.ZeroGrad();
            var inputs = Figure.List(record.GetProperty("inputs")).ToArray();
            foreach (var input in inputs)
                if (input.Type == DType.Float32) input.RequiresGrad_();
            var outputs = call(inputs);
            var expected = record.GetProperty("outputs").EnumerateArray().ToArray();
            Assert.Equal(expected.Length, outputs.Length);
            var sum = Tensor.Scalar(0f);
            foreach (var (i, gradient) in Figure.List(record.GetProperty("grad_outputs")).Index())
            {
                Figure.Close(expected[i], outputs[i], $"call {number}, output {i}");
                sum += (outputs[i] * gradient).Sum();
            }
            sum.Backward();
            foreach (var (i, gradient) in record.GetProperty("grads").EnumerateArray().Index())
                if (gradient.ValueKind != JsonValueKind.Null) Figure.Close(gradient, inputs[i].Grad!.Value, $"call {number}, gradient of input {i}");
            var parameters = module.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter);
            foreach (var gradient in record.GetProperty("param_grads").EnumerateObject())
                Figure.Close(gradient.Value, parameters[gradient.Name].Grad!.Value, $"call {number}, gradient of {gradient.Name}");
        }
        var state = module.StateDict();
        Assert.Equal(figure.GetProperty("final").EnumerateObject().Select(p => p.Name).Order(), state.Keys.Order());
        foreach (var expected in figure.GetProperty("final").EnumerateObject()) Figure.Close(expected.Value, state[expected.Name], expected.Name);
    }

    /// <summary>PyTorch's num_batches_tracked is an integer.</summary>
    private static Dictionary<string, Tensor> Floats(JsonElement tensors) =>
        Figure.Dictionary(tensors).ToDictionary(p => p.Key, p => p.Value.Type == DType.Float32 ? p.Value : p.Value.To(DType.Float32));
}
