using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Training;

/// <summary>A layer of a model, for people.</summary>
/// <param name="Name">Its name in the state dict.</param>
/// <param name="Text">What it is, with its arguments.</param>
/// <param name="Output">One sample's output; null where the model runs the layer in a way of its own.</param>
/// <param name="Parameters">Elements that are trained, here and inside.</param>
public sealed record LayerSummary(string Name, string Text, ImmutableArray<int>? Output, long Parameters);

/// <summary>What a job's model is and what it takes.</summary>
public sealed record ModelSummary
{
    /// <summary>The layers, in order.</summary>
    public required ImmutableArray<LayerSummary> Layers { get; init; }

    /// <summary>The layout of the parameters.</summary>
    public required ParameterLayout Layout { get; init; }

    /// <summary>Bytes of the optimizer's state.</summary>
    public required long StateBytes { get; init; }

    /// <summary>Bytes of tensors that one worker keeps for its forward and backward pass, as its first piece took them: as much of each size as was needed at once.</summary>
    public required long ActivationBytes { get; init; }

    /// <summary>Samples of that piece.</summary>
    public required int PieceSamples { get; init; }

    /// <summary>The loss of that piece with the initial weights.</summary>
    public required double InitialLoss { get; init; }

    /// <summary>Bytes of one flat buffer.</summary>
    public long WeightBytes => (long)Layout.Length * sizeof(float);

    /// <summary>Bytes on a machine that runs the whole job with some workers: two versions of the weights, the state, and each worker's gradient and activations.</summary>
    public long TotalBytes(int workers) => 2 * WeightBytes + StateBytes + workers * (WeightBytes + ActivationBytes);

    /// <summary>Looks at a job: builds its model and computes one piece.</summary>
    /// <exception cref="UserErrorException">The job cannot be run.</exception>
    public static ModelSummary Of(TrainingJob job)
    {
        using var replica = new ModelReplica(job);
        var plan = job.Plan();
        var weights = replica.InitialValues();
        var gradient = new FloatBuffer(replica.Layout.Length);
        var shapes = new Dictionary<Module, ImmutableArray<int>>(ReferenceEqualityComparer.Instance);
        PieceResult result;
        Sequential.Observer = (module, output) => shapes[module] = output.Rank > 0 ? [.. output.Shape.Span[1..]] : [];
        try
        {
            result = replica.Compute(plan.PieceAt(0, 0), weights, gradient, null);
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException($"the job's first piece cannot be computed: {Files.LayerStack.Plain(error.Message)}", error);
        }
        finally
        {
            Sequential.Observer = null;
        }
        return new ModelSummary
        {
            Layers = [.. Rows(replica.Model, "", shapes)],
            Layout = replica.Layout,
            StateBytes = (long)replica.UpdateRule.StateNames.Count * replica.Layout.ParameterLength * sizeof(float),
            ActivationBytes = replica.ActivationBytes,
            PieceSamples = result.Samples,
            InitialLoss = result.LossSum / result.Denominator,
        };
    }

    private static IEnumerable<LayerSummary> Rows(Module module, string prefix, Dictionary<Module, ImmutableArray<int>> shapes)
    {
        var children = module.NamedChildren();
        bool opened = children.Count > 0 && (prefix.Length == 0 || module is Sequential or ModuleList);
        if (opened) return children.SelectMany(child => Rows(child.Module, prefix.Length == 0 ? child.Name : $"{prefix}.{child.Name}", shapes));
        string text = children.Count == 0 ? module.ToString()! : module.GetType().Name;
        return [new LayerSummary(prefix.Length == 0 ? "model" : prefix, text, shapes.TryGetValue(module, out var shape) ? shape : null, module.Parameters().Where(p => p.RequiresGrad).Sum(p => (long)p.Shape.Numel))];
    }
}
