using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;
using Microsoft.ML.OnnxRuntime;
using Ort = Microsoft.ML.OnnxRuntime.Tensors;

namespace DistTrain.Tests.Nn;

/// <summary>Models in ONNX Runtime.</summary>
internal static class OnnxRun
{
    /// <summary>A model gives what the module gives, for two sizes of the batch.</summary>
    /// <param name="path">The model.</param>
    /// <param name="name">For messages.</param>
    /// <param name="module">The module, in evaluation mode.</param>
    /// <param name="shape">The input's sizes; <see cref="OnnxValue.Dynamic"/> for those that are open.</param>
    /// <param name="tokens">Tokens there are, for a module that takes such; 0 for numbers.</param>
    public static void Same(string path, string name, Module module, int[] shape, int tokens = 0)
    {
        using var session = new InferenceSession(path);
        foreach (int size in new[] { 2, 6 })
        {
            // Sizes that are not known differ from each other too.
            int[] sizes = [.. shape.Select((known, i) => known != OnnxValue.Dynamic ? known : size + 3 * i)];
            using var _ = GradMode.NoGrad();
            var input = tokens > 0 ? Tensor.Randint(0, tokens, new Shape(sizes)) : Tensor.Randn(new Shape(sizes)).Scale(2f);
            var expected = module.Forward(input);
            var (actual, dimensions) = Output(session, input);
            Assert.Equal(expected.Shape.ToString(), new Shape(dimensions).ToString());
            Assert.Equal(session.OutputMetadata[OnnxExport.OutputName].Dimensions.Length, dimensions.Length);
            Assert.All(session.OutputMetadata[OnnxExport.OutputName].Dimensions.Zip(dimensions), pair => Assert.True(pair.First == -1 || pair.First == pair.Second, $"declared {pair.First}, was {pair.Second}"));
            float[] values = expected.ToArray();
            for (int i = 0; i < values.Length; i++) Assert.True(Math.Abs(values[i] - actual[i]) <= 1e-5, $"{name}, batch {size}, element {i}: {actual[i]}, expected {values[i]}");
        }
    }

    /// <summary>What a model gives.</summary>
    public static (float[] Values, int[] Shape) Output(InferenceSession session, Tensor input)
    {
        int[] sizes = [.. input.Shape.Span];
        var value = input.Type == DType.Int64
            ? NamedOnnxValue.CreateFromTensor(OnnxExport.InputName, new Ort.DenseTensor<long>(input.LongSpan.ToArray(), sizes))
            : NamedOnnxValue.CreateFromTensor(OnnxExport.InputName, new Ort.DenseTensor<float>(input.ToArray(), sizes));
        using var results = session.Run([value]);
        var output = results.Single(result => result.Name == OnnxExport.OutputName).AsTensor<float>();
        return ([.. output], [.. output.Dimensions]);
    }
}
