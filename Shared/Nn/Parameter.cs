using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// A tensor that a module learns: a leaf that requires a gradient. The object keeps its identity when its data is laid into a flat buffer or handed to a cluster, so an optimizer
/// built before still updates the right memory. Converts to <see cref="Tensor"/> wherever one is expected.
/// </summary>
public sealed class Parameter
{
    private readonly Tensor value;

    /// <summary>Makes a parameter that starts with a copy of the given values.</summary>
    public Parameter(Tensor initial, bool requiresGrad = true)
    {
        using (GradMode.NoGrad())
        {
            value = TensorMemory.EmptyPersistent(initial.Shape);
            initial.CopyTo(value.Span);
        }
        value.RequiresGrad_(requiresGrad);
    }

    /// <summary>The parameter as a tensor.</summary>
    public Tensor Value => value;

    /// <summary>Its shape.</summary>
    public Shape Shape => value.Shape;

    /// <summary>Its number of elements.</summary>
    public int Numel => value.Numel;

    /// <summary>Its gradient; null before the first <c>Backward()</c> and after <see cref="ZeroGrad"/>.</summary>
    public Tensor? Grad => value.Grad;

    /// <summary>Whether it is trained; set to false to freeze it.</summary>
    public bool RequiresGrad
    {
        get => value.RequiresGrad;
        set => this.value.RequiresGrad_(value);
    }

    /// <summary>Its elements, in place.</summary>
    public Span<float> Span => value.Span;

    /// <summary>Forgets the gradient.</summary>
    public void ZeroGrad() => value.ZeroGrad();

    /// <summary>The parameter as a tensor.</summary>
    public static implicit operator Tensor(Parameter parameter) => parameter.value;

    /// <summary>Shape and, of small ones, values.</summary>
    public override string ToString() => $"Parameter({value})";

    /// <summary>
    /// Makes the parameter a window on flat buffers: from now on its elements are those of <paramref name="data"/> (nothing is copied), and gradients go to
    /// <paramref name="gradient"/>.
    /// </summary>
    internal void Bind(FloatBuffer data, FloatBuffer? gradient, int offset, int index)
    {
        var node = value.Node;
        node.Storage = data.Storage;
        node.Offset = data.Start + offset;
        node.ParameterIndex = index;
        if (gradient == null) return;
        node.HasGrad = false;
        if (node.Grad is not { } grad || !node.GradAssigned)
        {
            grad = TensorMemory.Wrap(null, gradient.Storage, node.Shape, offset).Node;
            (node.Grad, node.GradAssigned) = (grad, true);
        }
        (grad.Storage, grad.Offset) = (gradient.Storage, gradient.Start + offset);
    }
}
