using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace DistTrain.Data;

/// <summary>
/// The usual base of a data set: checks a read's arguments, then asks for one sample after the other. A data set of one's own is a constructor and
/// <see cref="ReadSample"/>.
/// </summary>
public abstract class Dataset : IDataset
{
    private readonly Lazy<string> fingerprint;

    /// <summary>Sets what every data set has.</summary>
    /// <param name="name">A short name for messages.</param>
    /// <param name="count">The number of samples, 0 or more.</param>
    /// <param name="inputs">One sample's input.</param>
    /// <param name="targets">One sample's target.</param>
    protected Dataset(string name, int count, SampleSpec inputs, SampleSpec targets)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        (Name, Count, Inputs, Targets) = (name, count, inputs, targets);
        fingerprint = new(ComputeFingerprint);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public SampleSpec Inputs { get; }

    /// <inheritdoc/>
    public SampleSpec Targets { get; }

    /// <inheritdoc/>
    public virtual int Classes => 0;

    /// <inheritdoc/>
    public virtual IReadOnlyList<string>? ClassNames => null;

    /// <inheritdoc/>
    public virtual int BlockSize => 0;

    /// <inheritdoc/>
    public string Fingerprint => fingerprint.Value;

    /// <inheritdoc/>
    public void Read(ReadContext context, ReadOnlySpan<int> indices, SampleSpan inputs, SampleSpan targets)
    {
        Check("inputs", inputs, Inputs, indices.Length);
        Check("targets", targets, Targets, indices.Length);
        int inputLength = Inputs.Length, targetLength = Targets.Length;
        for (var i = 0; i < indices.Length; i++)
        {
            var index = indices[i];
            if ((uint)index >= (uint)Count)
                throw new ArgumentOutOfRangeException(nameof(indices), $"{Name}: sample {index} asked for, expected 0 to {Count - 1}");
            ReadSample(context, index, inputs.Slice(i * inputLength, inputLength), targets.Slice(i * targetLength, targetLength));
        }
    }

    /// <summary>Writes one sample. Called by several threads at once; must not allocate and must write every element.</summary>
    /// <param name="context">What the read is for.</param>
    /// <param name="index">The sample, in [0, <see cref="Count"/>).</param>
    /// <param name="input">Takes the input: <c>Inputs.Length</c> elements.</param>
    /// <param name="target">Takes the target: <c>Targets.Length</c> elements.</param>
    protected abstract void ReadSample(ReadContext context, int index, SampleSpan input, SampleSpan target);

    /// <summary>Adds the content to the fingerprint: by default every sample as an evaluation reads it, little-endian.</summary>
    protected virtual void AddContent(IncrementalHash hash)
    {
        var inputs = new SampleBuffer(Inputs, 1);
        var targets = new SampleBuffer(Targets, 1);
        for (var i = 0; i < Count; i++)
        {
            ReadSample(ReadContext.Evaluation, i, inputs.Span(1), targets.Span(1));
            hash.AppendData(inputs.Bytes(1));
            hash.AppendData(targets.Bytes(1));
        }
    }

    private void Check(string what, SampleSpan span, SampleSpec spec, int samples)
    {
        if (span.Type != spec.Type)
            throw new ArgumentException($"{Name}: {what} asked for as {span.Type}, expected {spec}", what);
        if (span.Length != (long)samples * spec.Length)
            throw new ArgumentException($"{Name}: {what} of {samples} samples of {spec} asked for in {span.Length} elements, expected {(long)samples * spec.Length}", what);
    }

    private string ComputeFingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{Inputs}\n{Targets}\n{Count}\n{Classes}\n"));
        AddContent(hash);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
