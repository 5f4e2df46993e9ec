using System.Security.Cryptography;
using System.Runtime.InteropServices;

namespace DistTrain.Data;

/// <summary>Samples held in arrays, as PyTorch's <c>TensorDataset</c>: inputs and targets end to end, each either floats or integers.</summary>
public sealed class ArrayDataset : Dataset
{
    private readonly float[]? floatInputs, floatTargets;
    private readonly long[]? integerInputs, integerTargets;
    private readonly int classes;
    private readonly IReadOnlyList<string>? classNames;

    /// <summary>Features with class labels.</summary>
    /// <param name="name">A short name for messages.</param>
    /// <param name="inputs">The inputs, <c>labels.Length * inputSpec.Length</c> floats.</param>
    /// <param name="inputSpec">One input.</param>
    /// <param name="labels">One label per sample, or per position of <paramref name="labelSpec"/>.</param>
    /// <param name="classes">The number of classes, above every label.</param>
    /// <param name="classNames">Their names, where known.</param>
    /// <param name="labelSpec">One target; a scalar label by default.</param>
    public ArrayDataset(string name, float[] inputs, SampleSpec inputSpec, long[] labels, int classes, IReadOnlyList<string>? classNames = null, SampleSpec? labelSpec = null)
        : base(name, Samples(name, inputs.Length, inputSpec, labels.Length, labelSpec ?? SampleSpec.Label), inputSpec, labelSpec ?? SampleSpec.Label) =>
        (floatInputs, integerTargets, this.classes, this.classNames) = (inputs, labels, classes, classNames);

    /// <summary>Features with float targets: regression, or multi-label classification with targets 0 and 1.</summary>
    public ArrayDataset(string name, float[] inputs, SampleSpec inputSpec, float[] targets, SampleSpec targetSpec)
        : base(name, Samples(name, inputs.Length, inputSpec, targets.Length, targetSpec), inputSpec, targetSpec) =>
        (floatInputs, floatTargets) = (inputs, targets);

    /// <summary>Token ids with labels.</summary>
    public ArrayDataset(string name, long[] inputs, SampleSpec inputSpec, long[] labels, SampleSpec labelSpec, int classes)
        : base(name, Samples(name, inputs.Length, inputSpec, labels.Length, labelSpec), inputSpec, labelSpec) =>
        (integerInputs, integerTargets, this.classes) = (inputs, labels, classes);

    /// <inheritdoc/>
    public override int Classes => classes;

    /// <inheritdoc/>
    public override IReadOnlyList<string>? ClassNames => classNames;

    /// <inheritdoc/>
    protected override void ReadSample(ReadContext context, int index, SampleSpan input, SampleSpan target)
    {
        if (floatInputs is not null)
            floatInputs.AsSpan(index * input.Length, input.Length).CopyTo(input.Float32);
        else
            integerInputs.AsSpan(index * input.Length, input.Length).CopyTo(input.Int64);
        if (floatTargets is not null)
            floatTargets.AsSpan(index * target.Length, target.Length).CopyTo(target.Float32);
        else
            integerTargets.AsSpan(index * target.Length, target.Length).CopyTo(target.Int64);
    }

    /// <inheritdoc/>
    protected override void AddContent(IncrementalHash hash)
    {
        hash.AppendData(MemoryMarshal.AsBytes(floatInputs.AsSpan()));
        hash.AppendData(MemoryMarshal.AsBytes(integerInputs.AsSpan()));
        hash.AppendData(MemoryMarshal.AsBytes(floatTargets.AsSpan()));
        hash.AppendData(MemoryMarshal.AsBytes(integerTargets.AsSpan()));
    }

    private static int Samples(string name, int inputs, SampleSpec inputSpec, int targets, SampleSpec targetSpec)
    {
        var samples = inputs / inputSpec.Length;
        return inputs == samples * inputSpec.Length && targets == (long)samples * targetSpec.Length
            ? samples
            : throw new ArgumentException($"{name}: {inputs} input elements of {inputSpec} and {targets} target elements of {targetSpec} are not the same whole number of samples");
    }
}
