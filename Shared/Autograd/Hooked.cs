using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>Calls user hooks on gradients.</summary>
internal static class Hooked
{
    public static Tensor Apply(Func<Tensor, Tensor> hook, Tensor gradient, Shape expected, string owner)
    {
        Tensor result;
        using (GradMode.NoGrad()) result = hook(gradient);
        if (result.Shape != expected) throw new InvalidOperationException($"a hook on the gradient of {owner} returned shape {result.Shape}, expected {expected}");
        return result.Contiguous();
    }
}
