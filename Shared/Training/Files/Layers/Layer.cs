using DistTrain.Nn;

namespace DistTrain.Training.Files;

/// <summary>
/// A layer of a model in a job file: PyTorch's name as <c>type</c>, PyTorch's arguments under their names and with their defaults. What follows from the layer's input, such as <c>in_features</c>, may be left out; where it
/// is given, it is checked. A new layer is a record here and a line in <see cref="LayerTypes"/>.
/// </summary>
public abstract record Layer
{
    /// <summary>Makes the module for its input.</summary>
    /// <param name="input">What comes in; what was given and does not fit is reported there.</param>
    /// <exception cref="ArgumentException">The layer cannot be made; the message says why.</exception>
    public abstract Module Build(LayerInput input);

    /// <inheritdoc/>
    public sealed override string ToString() => LayerTypes.NameOf(this);
}
