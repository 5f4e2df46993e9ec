using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>The operations on tensors, as extension members: each file of this folder adds one family, with its gradient rule beside it.</summary>
public static partial class TensorOps
{
    extension(Tensor tensor)
    {
        /// <summary>
        /// Computes the gradient of this tensor with respect to every leaf that it depends on and adds it to the leaf's <c>Grad</c>.
        /// </summary>
        /// <param name="gradient">The gradient flowing in, of this tensor's shape; may be left out for a tensor of one element, where it is 1.</param>
        /// <param name="retainGraph">Keeps what forward saved, so that a second backward over the same graph is possible.</param>
        /// <exception cref="InvalidOperationException">The tensor requires no gradient; it has several elements and no gradient was given; the graph was walked before; or a tensor that backward needs was changed in place.</exception>
        public void Backward(Tensor? gradient = null, bool retainGraph = false) => Engine.Backward(tensor, gradient, retainGraph);
    }
}
