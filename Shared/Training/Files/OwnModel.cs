using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Training.Files;

/// <summary>A model of layers that a job lists, fitted to the job's data and loss.</summary>
internal static class OwnModel
{
    /// <summary>What builds the model.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="data">What they are fitted to.</param>
    /// <param name="loss">What their output must go with.</param>
    /// <param name="dropout">The option for named models.</param>
    /// <exception cref="JobErrorException">They do not fit: every misfit is named.</exception>
    public static Func<Module> Of(IReadOnlyList<Layer> layers, DataCard data, Loss loss, double? dropout)
    {
        if (dropout is not null) throw new UserErrorException(FormattableString.Invariant($"dropout was {dropout}, which goes with a named model: in a list of layers it is a layer, {{ \"type\": \"Dropout\", \"p\": {dropout} }}"));
        var inputs = data.Inputs;
        bool tokens = inputs.Type == ElementType.Int64;
        var stack = LayerStack.Build(layers, new Shape(inputs.Shape.AsSpan()), tokens ? Math.Max(1, data.Classes) : 0, "model", Wanted(data));
        List<JobProblem> problems = [.. stack.Problems];
        if (tokens && layers is [not (EmbeddingLayer or IdentityLayer or SequentialLayer), ..]) problems.Insert(0, new JobProblem("model[0]", $"({layers[0]}) gets tokens, expected Embedding first: data {data.Name} has {inputs} inputs"));
        else if (stack.Output is { } output && Misfit(output, data, loss) is { } misfit) problems.Add(new JobProblem($"model[{layers.Count - 1}]", $"({layers[^1]}) gives {misfit}"));
        if (problems.Count > 0) throw new JobErrorException(problems);
        return () => stack.Model;
    }

    /// <summary>Features of an output that goes with the data.</summary>
    private static int Wanted(DataCard data) => data.Classes > 0 ? data.Classes : data.Targets is { Type: ElementType.Float32, Shape: [.., var last] } ? last : 1;

    /// <summary>What is wrong with the model's output; null for nothing.</summary>
    private static string? Misfit(Shape output, DataCard data, Loss loss)
    {
        var targets = data.Targets;
        int classes = data.Classes;
        if (loss is ClassLoss)
        {
            if (targets.Type != ElementType.Int64) return $"{output} a sample, but loss {loss.Name} needs classes, and data {data.Name} has {targets} targets";
            int[] expected = [.. targets.Shape, classes > 0 ? classes : output.Rank > 0 ? output[^1] : 1];
            return output.ToArray().SequenceEqual(expected) ? null : $"{output} a sample, expected [{string.Join(", ", expected)}]: data {data.Name} has {(classes > 0 ? $"{classes} classes" : "classes")}";
        }
        using var silent = GradMode.NoGrad();
        try
        {
            var target = Tensor.Zeros(new Shape([1, .. targets.Shape]));
            loss.Compute(Tensor.Zeros(output.Insert(0, 1)), targets.Type == ElementType.Int64 ? target.To(DType.Int64) : target);
            return null;
        }
        catch (ArgumentException)
        {
            return $"{output} a sample, expected {(targets.Shape.IsEmpty ? "[1]" : $"[{string.Join(", ", targets.Shape)}]")}: data {data.Name} has {targets} targets, and loss {loss.Name} compares each";
        }
    }
}
