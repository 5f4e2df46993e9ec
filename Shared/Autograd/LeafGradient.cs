using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>The gradients of leaves: contributions accumulate straight into <c>.Grad</c>.</summary>
internal static class LeafGradient
{
    /// <summary>Where a contribution goes. A leaf with hooks collects apart first, because hooks see this backward's gradient only.</summary>
    public static TensorNode Target(TensorNode leaf, out bool accumulate)
    {
        if (leaf.Hooks != null)
        {
            accumulate = leaf.Flow != null;
            return leaf.Flow ??= TensorMemory.Empty(leaf.Shape).Node;
        }
        return Own(leaf, out accumulate);
    }

    /// <summary>All contributions of this backward are in.</summary>
    public static void Complete(TensorNode leaf)
    {
        if (leaf.Flow is not { } flow) return;
        leaf.Flow = null;
        var value = new Tensor(flow);
        foreach (var hook in leaf.Hooks!) value = Hooked.Apply(hook, value, leaf.Shape, "a leaf");
        Add(leaf, value);
    }

    /// <summary>Adds to <c>.Grad</c>, or starts it.</summary>
    public static void Add(TensorNode tensor, Tensor gradient)
    {
        var target = TensorMemory.Floats(Own(tensor, out bool accumulate));
        if (accumulate) Simd.Elementwise.Add(target, gradient.Contiguous().Span, target);
        else gradient.CopyTo(target);
    }

    private static TensorNode Own(TensorNode leaf, out bool accumulate)
    {
        accumulate = leaf.HasGrad;
        leaf.HasGrad = true;
        // A leaf that outlives the step keeps its gradient outside of the step's arena.
        leaf.Grad ??= (leaf.Arena != null ? TensorMemory.Empty(leaf.Shape) : TensorMemory.EmptyPersistent(leaf.Shape)).Node;
        return leaf.Grad;
    }
}
