namespace DistTrain.Autograd;

/// <summary>Told, during backward and on its thread, which parameters' gradients are complete: last layer first.</summary>
public interface IParameterListener
{
    /// <summary>The gradient of parameter <paramref name="index"/> is complete.</summary>
    void GradientReady(int index);
}
