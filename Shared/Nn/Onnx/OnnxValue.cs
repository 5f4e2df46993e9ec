using System.Collections.Immutable;
using DistTrain.Tensors;

namespace DistTrain.Nn.Onnx;

/// <summary>A tensor of an ONNX graph: what one operation gives and others take.</summary>
/// <param name="Name">Its name in the graph.</param>
/// <param name="Type">The type of its elements.</param>
/// <param name="Shape">Its sizes; <see cref="Dynamic"/> for one that is known only when the graph runs.</param>
public sealed record OnnxValue(string Name, DType Type, ImmutableArray<int> Shape)
{
    /// <summary>A size that is known only when the graph runs, such as the batch's.</summary>
    public const int Dynamic = -1;

    /// <summary>The number of dimensions.</summary>
    public int Rank => Shape.Length;

    /// <summary>The size of a dimension; a negative one counts from the end.</summary>
    public int this[int dim] => Shape[dim < 0 ? dim + Rank : dim];

    /// <summary>The same tensor, of which more is known.</summary>
    public OnnxValue As(params ImmutableArray<int> shape) => this with { Shape = shape };

    /// <summary>Name and shape, such as <c>input [?, 3, 32, 32]</c>.</summary>
    public override string ToString() => $"{Name} [{string.Join(", ", Shape.Select(size => size == Dynamic ? "?" : $"{size}"))}]";
}
