using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>Where a gradient flows to: the operation that made an input, or the input itself when it is a leaf. Neither when it needs none.</summary>
internal readonly struct Edge
{
    public Edge(Tensor input)
    {
        var node = input.Node;
        if (!node.RequiresGrad) return;
        Rule = node.GradFn as Rule;
        if (Rule == null) Leaf = node;
        Shape = node.Shape;
    }

    public Rule? Rule { get; }

    public TensorNode? Leaf { get; }

    public Shape Shape { get; }

    public bool Exists => Rule != null || Leaf != null;
}
