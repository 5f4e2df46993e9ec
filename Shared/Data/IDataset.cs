namespace DistTrain.Data;

/// <summary>
/// What a read is for: training in an epoch of a job with a seed, or evaluation. Data that varies between epochs (augmentation, windows of text) is a pure
/// function of this and the sample's index, so it never matters who reads it, or when.
/// </summary>
/// <param name="Seed">The job's seed.</param>
/// <param name="Epoch">The epoch, from 0; -1 for evaluation.</param>
public readonly record struct ReadContext(ulong Seed, int Epoch)
{
    /// <summary>Reads samples as they are, the same every time.</summary>
    public static ReadContext Evaluation => new(0, -1);

    /// <summary>Whether the read is for training, so that augmentation applies.</summary>
    public bool IsTraining => Epoch >= 0;
}

/// <summary>
/// A fixed number of samples, each an input and a target of fixed shapes. Reads may come from several threads at once and allocate nothing. Most data sets
/// derive from <see cref="Dataset"/>, which needs one method.
/// </summary>
public interface IDataset
{
    /// <summary>A short name for messages, such as <c>digits train</c>.</summary>
    string Name { get; }

    /// <summary>The number of samples; the same in every epoch.</summary>
    int Count { get; }

    /// <summary>One sample's input.</summary>
    SampleSpec Inputs { get; }

    /// <summary>One sample's target.</summary>
    SampleSpec Targets { get; }

    /// <summary>The number of classes (or the size of the vocabulary) that int64 targets are below; 0 where that does not apply.</summary>
    int Classes => 0;

    /// <summary>The classes' names in label order, where known.</summary>
    IReadOnlyList<string>? ClassNames => null;

    /// <summary>
    /// 0 where any sample is quick to reach; otherwise the number of consecutive samples that are read together, for data that does not fit in memory:
    /// <see cref="Sampler"/> then shuffles by such blocks.
    /// </summary>
    int BlockSize => 0;

    /// <summary>SHA-256 over shapes and content as 64 hex digits, so that two machines can tell whether they hold the same data. Computed at the first call.</summary>
    string Fingerprint { get; }

    /// <summary>Copies samples out, in the order of their indices.</summary>
    /// <param name="context">What the read is for.</param>
    /// <param name="indices">The samples, each in [0, <see cref="Count"/>).</param>
    /// <param name="inputs">Takes the inputs: <c>indices.Length * Inputs.Length</c> elements.</param>
    /// <param name="targets">Takes the targets: <c>indices.Length * Targets.Length</c> elements.</param>
    /// <exception cref="ArgumentException">A span has the wrong length or type.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An index is out of range.</exception>
    void Read(ReadContext context, ReadOnlySpan<int> indices, SampleSpan inputs, SampleSpan targets);
}
