using System.Globalization;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>Modules that run one after the other; they are named 0, 1, 2, … in the state dict.</summary>
public sealed class Sequential : Module
{
    private readonly Module[] modules;

    /// <summary>Makes a chain of modules.</summary>
    public Sequential(params IEnumerable<Module> modules)
    {
        this.modules = [.. modules];
        for (int i = 0; i < this.modules.Length; i++) Register(i.ToString(CultureInfo.InvariantCulture), this.modules[i]);
    }

    /// <summary>The number of modules.</summary>
    public int Count => modules.Length;

    /// <summary>One of the modules.</summary>
    public Module this[int index] => modules[index];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input)
    {
        foreach (var module in modules) input = module.Forward(input);
        return input;
    }
}
