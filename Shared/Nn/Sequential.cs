using System.Globalization;
using DistTrain.Nn.Onnx;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>Modules that run one after the other; they are named 0, 1, 2, … in the state dict.</summary>
public class Sequential : Module
{
    /// <summary>Told each module that a chain ran, and its output: for looking at a model, not for training. One that was run together with the activation behind it has the activation's output.</summary>
    [ThreadStatic]
    internal static Action<Module, Tensor>? Observer;

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
        for (int i = 0; i < modules.Length; i++)
        {
            // One pass over the output instead of two; the bits are the same.
            var activation = i + 1 < modules.Length && modules[i + 1] is ReLU ? Activation.Relu : Activation.None;
            var module = modules[i];
            switch (module)
            {
                case Linear linear:
                    input = linear.Forward(input, activation);
                    i += activation == Activation.Relu ? 1 : 0;
                    break;
                case Conv2d convolution:
                    input = convolution.Forward(input, activation);
                    i += activation == Activation.Relu ? 1 : 0;
                    break;
                default:
                    input = module.Forward(input);
                    break;
            }
            if (Observer is { } observer)
            {
                observer(module, input);
                if (module != modules[i]) observer(modules[i], input);
            }
        }
        return input;
    }

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        foreach (var module in modules) input = graph.Apply(module, input);
        return input;
    }
}
