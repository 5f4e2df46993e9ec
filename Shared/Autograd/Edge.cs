using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>Where a gradient flows to: the operation that made an input, or the input itself when it is a leaf. Neither when it needs none.</summary>
internal readonly struct Edge
{
    public Edge(Tensor input)
    {
        var node = input.Node;
        Shape = node.Shape;
        if (!node.RequiresGrad) return;
        Rule = node.GradFn as Rule;
        if (Rule != null && node.HistoryVersion != node.Storage.Version)
            throw new InvalidOperationException($"a tensor of shape {node.Shape} made by {Rule.Name} shares its memory with one that was changed in place since: its gradient would not be its value's; Clone() it before the change, or make it after");
        if (Rule == null) Leaf = node;
    }

    public Rule? Rule { get; }

    public TensorNode? Leaf { get; }

    public Shape Shape { get; }

    public bool Exists => Rule != null || Leaf != null;
}
