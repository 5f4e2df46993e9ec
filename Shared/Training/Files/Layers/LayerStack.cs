using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Training.Files;

/// <summary>A list of layers, fitted to its input: each layer's sizes follow from the output of the one before it.</summary>
public sealed class LayerStack
{
    private readonly List<(Layer Layer, Shape Input, int Vocabulary)> fitted = [];
    private readonly List<JobProblem> problems = [];
    private readonly string path;
    private readonly int? wanted;

    private LayerStack(string path, int? wanted) => (this.path, this.wanted) = (path, wanted);

    /// <summary>What does not fit. Behind a layer that cannot be made nothing is known.</summary>
    public IReadOnlyList<JobProblem> Problems => problems;

    /// <summary>One sample's output; null where a layer cannot be made.</summary>
    public Shape? Output { get; private set; }

    /// <summary>The model, its values drawn from this thread's <see cref="RandomSource"/>: a new one at each call.</summary>
    public Sequential Model => new(fitted.Select((part, i) => part.Layer.Build(Input(part.Input, part.Vocabulary, i, fitted.Count))));

    /// <summary>Fits layers to an input.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="input">One sample's shape.</param>
    /// <param name="vocabulary">How many different tokens there are; 0 for inputs that are numbers.</param>
    /// <param name="path">Where the list stands, such as <c>model</c>.</param>
    /// <param name="wanted">Features that the data asks of the output; null for any.</param>
    public static LayerStack Build(IReadOnlyList<Layer> layers, Shape input, int vocabulary, string path, int? wanted)
    {
        var stack = new LayerStack(path, wanted);
        stack.Fit(layers, input, vocabulary, null);
        return stack;
    }

    /// <summary>Fits the layers of a list that is a layer itself, and gives the model that this made: to make it again would be twice the work at each depth of lists in lists.</summary>
    internal static Sequential BuildInside(IReadOnlyList<Layer> layers, LayerInput input)
    {
        var stack = new LayerStack($"{input.Path}.layers", input.Wanted);
        var made = new List<Module>();
        stack.Fit(layers, input.Shape, input.Vocabulary, made);
        input.Report(stack.Problems);
        var model = new Sequential(made);
        // Shapes were found without the randomness of training.
        model.Train();
        return model;
    }

    private LayerInput Input(Shape shape, int vocabulary, int index, int count) => new(shape, vocabulary, $"{path}[{index}]", index == count - 1 ? wanted : null);

    private void Fit(IReadOnlyList<Layer> layers, Shape shape, int vocabulary, List<Module>? made)
    {
        for (int i = 0; i < layers.Count; i++)
        {
            // The layer is made again for each model, by the same input.
            var input = Input(shape, vocabulary, i, layers.Count);
            try
            {
                var module = layers[i].Build(input);
                problems.AddRange(input.Problems);
                fitted.Add((layers[i], shape, vocabulary));
                made?.Add(module);
                shape = OutputOf(module, shape, tokens: vocabulary > 0);
                vocabulary = module is Identity ? vocabulary : 0;
            }
            catch (Exception error) when (error is ArgumentException or ArithmeticException or OutOfMemoryException or InvalidOperationException)
            {
                problems.AddRange(input.Problems.Except(problems));
                string what = error is OverflowException or OutOfMemoryException ? "is too large for memory" : Plain(error.Message);
                problems.Add(new JobProblem(input.Path, $"({layers[i]}) cannot take {input.Shape} a sample: {what}"));
                return;
            }
        }
        Output = shape;
    }

    /// <summary>The shape of one sample's output, found by computing one on zeros.</summary>
    private static Shape OutputOf(Module module, Shape input, bool tokens)
    {
        module.Eval();
        using var silent = GradMode.NoGrad();
        var zeros = Tensor.Zeros(input.Insert(0, 1));
        var output = module.Forward(tokens ? zeros.To(DType.Int64) : zeros).Shape;
        return output.Rank > 0 && output[0] == 1 ? output.Without(0) : throw new ArgumentException($"gives {output} for one sample, expected [1, *]");
    }

    /// <summary>A message without the parameter's name that .NET puts behind it.</summary>
    internal static string Plain(string message) => message.Split(" (Parameter '")[0].Split(Environment.NewLine)[0];
}
