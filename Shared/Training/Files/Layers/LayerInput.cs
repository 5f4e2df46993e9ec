using DistTrain.Tensors;

namespace DistTrain.Training.Files;

/// <summary>What a layer gets: one sample's shape, and what is wrong with what was said about it.</summary>
/// <param name="shape">The shape, without the batch.</param>
/// <param name="vocabulary">How many different tokens there are; 0 where the input is not the data's tokens.</param>
/// <param name="path">Where the layer stands, such as <c>model[2]</c>.</param>
/// <param name="wanted">Features that the data asks of the layer's output; null for all but the last one.</param>
public sealed class LayerInput(Shape shape, int vocabulary, string path, int? wanted = null)
{
    private readonly List<JobProblem> problems = [];

    /// <summary>The shape, without the batch.</summary>
    public Shape Shape => shape;

    /// <summary>How many different tokens there are; 0 where the input is not the data's tokens.</summary>
    public int Vocabulary => vocabulary;

    /// <summary>Where the layer stands, such as <c>model[2]</c>.</summary>
    public string Path => path;

    /// <summary>Features that the data asks of the layer's output; null for all but the last one.</summary>
    public int? Wanted => wanted;

    /// <summary>What does not fit.</summary>
    public IReadOnlyList<JobProblem> Problems => problems;

    /// <summary>The size of the last dimension: a sample's features.</summary>
    /// <exception cref="ArgumentException">The input is one number.</exception>
    public int Features => shape.Rank > 0 ? shape[^1] : throw new ArgumentException("got one number a sample, expected [*, features]");

    /// <summary>The size of the first dimension: an image's channels.</summary>
    /// <exception cref="ArgumentException">The input has other dimensions.</exception>
    public int Channels(int rank, string expected) => shape.Rank == rank ? shape[0] : throw new ArgumentException($"got {shape} a sample, expected {expected}");

    /// <summary>A size that follows from the input; one that was given and differs is reported.</summary>
    public int Fit(string property, int? given, int actual)
    {
        if (given is { } said && said != actual) Report(property, $"was {said}, expected {actual}: the layer gets {shape} a sample");
        return actual;
    }

    /// <summary>Reports what does not fit.</summary>
    public void Report(string property, string message) => problems.Add(new JobProblem($"{path}.{property}", message));

    /// <summary>Takes over what does not fit inside of the layer.</summary>
    internal void Report(IEnumerable<JobProblem> inside) => problems.AddRange(inside);
}
