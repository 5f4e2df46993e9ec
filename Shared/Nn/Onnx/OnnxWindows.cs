using System.Collections.Immutable;
using DistTrain.Autograd;

namespace DistTrain.Nn.Onnx;

/// <summary>What convolutions and pooling share when they write themselves into an ONNX graph: sizes and attributes of windows.</summary>
internal static class OnnxWindows
{
    /// <summary>Both sizes as an attribute.</summary>
    public static long[] Pair(Size2d size) => [size.Height, size.Width];

    /// <summary>Padding at both ends as an attribute: all starts, then all ends.</summary>
    public static long[] Pads(Size2d padding) => [padding.Height, padding.Width, padding.Height, padding.Width];

    /// <summary>The number of windows along a dimension.</summary>
    public static int Size(int input, int kernel, int stride, int padding, int dilation = 1) => input == OnnxValue.Dynamic ? input : (input + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;

    /// <summary>The size that a transposed convolution gives.</summary>
    public static int TransposedSize(int input, int kernel, int stride, int padding, int dilation, int outputPadding) =>
        input == OnnxValue.Dynamic ? input : (input - 1) * stride - 2 * padding + dilation * (kernel - 1) + outputPadding + 1;

    /// <summary>The input's shape, if it has as many dimensions as the layer takes.</summary>
    public static ImmutableArray<int> Require(OnnxGraph graph, OnnxValue input, int rank, string layer) => input.Rank == rank ? input.Shape : throw graph.Error($"{layer} takes {rank} dimensions, not {input}");

    /// <summary>Pooling.</summary>
    public static OnnxValue Pool(OnnxGraph graph, string operation, OnnxValue input, Size2d kernel, Size2d stride, Size2d padding, string layer, params (string Name, object Value)[] more)
    {
        var shape = Require(graph, input, 4, layer);
        ImmutableArray<int> output = [shape[0], shape[1], Size(shape[2], kernel.Height, stride.Height, padding.Height), Size(shape[3], kernel.Width, stride.Width, padding.Width)];
        return graph.Node(operation, [input], output, [("kernel_shape", Pair(kernel)), ("strides", Pair(stride)), ("pads", Pads(padding)), .. more]);
    }

    /// <summary>The share of each element in each of the windows of adaptive pooling, <c>[windows, size]</c> or its transpose: window i goes from ⌊i·size/windows⌋ to ⌈(i + 1)·size/windows⌉.</summary>
    public static float[] Shares(int size, int windows, bool transposed)
    {
        float[] shares = new float[windows * size];
        for (int window = 0; window < windows; window++)
        {
            int start = (int)((long)window * size / windows), end = (int)(((window + 1L) * size + windows - 1) / windows);
            for (int i = start; i < end; i++) shares[transposed ? i * windows + window : window * size + i] = 1f / (end - start);
        }
        return shares;
    }
}
