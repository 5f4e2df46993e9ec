namespace DistTrain.Tensors;

/// <summary>
/// One recorded operation: what it saved in forward and how gradients flow back through it. The concrete ones stand beside their forward in the
/// Autograd floor; this floor knows only that a tensor may point to the one that made it.
/// </summary>
public abstract class GradNode
{
    /// <summary>The operation's name, such as <c>Mul</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The operation's name.</summary>
    public sealed override string ToString() => Name;

    /// <summary>Forgets everything saved, so that the node can be used again or its memory collected.</summary>
    internal abstract void Reset();

    /// <summary>Adds a function to call with the gradient of the operation's output.</summary>
    internal abstract void AddHook(Func<Tensor, Tensor> hook);

    /// <summary>Has the gradient of the operation's output kept in <c>.Grad</c> of that output.</summary>
    internal abstract void RetainGrad(TensorNode output);
}
