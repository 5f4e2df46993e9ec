using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// Gated recurrent unit: https://arxiv.org/abs/1406.1078, with the gates of <see href="https://pytorch.org/docs/2.6/generated/torch.nn.GRU.html">PyTorch's GRU</see> (reset, update, new). Input
/// <c>[T, N, in]</c> (with <c>batchFirst</c>: <c>[N, T, in]</c>), output the hidden states of the last layer, <c>[T, N, directions·hidden]</c>.
/// </summary>
/// <param name="inputSize">Features of the input.</param>
/// <param name="hiddenSize">Features of the hidden state.</param>
/// <param name="numLayers">Layers, each on the outputs of the one before.</param>
/// <param name="bias">Whether there are biases.</param>
/// <param name="batchFirst">Whether the batch is the first dimension.</param>
/// <param name="dropout">The probability of dropout between layers.</param>
/// <param name="bidirectional">Whether each layer also runs backwards in time.</param>
public sealed class GRU(int inputSize, int hiddenSize, int numLayers = 1, bool bias = true, bool batchFirst = false, float dropout = 0f, bool bidirectional = false)
    : RecurrentModule(3, inputSize, hiddenSize, numLayers, bias, batchFirst, dropout, bidirectional)
{
    private protected override bool KeepsMemory => false;

    private protected override (string Operation, ImmutableArray<int> Gates, ImmutableArray<(string Name, object Value)> Attributes) OnnxOperator => ("GRU", [1, 0, 2], [("linear_before_reset", 1L)]);

    /// <summary>The outputs, and the states after the last time step, from given initial states, both of <c>[layers·directions, N, hidden]</c>.</summary>
    public (Tensor Output, Tensor Hidden) Forward(Tensor input, Tensor? initial) => Run(input, initial, null) is var r ? (r.Output, r.Hidden) : default;

    private protected override void Step(in Direction cell, Tensor fromInput, ref Tensor hidden, ref Tensor memory)
    {
        var fromHidden = hidden.Linear(cell.HiddenWeight, cell.HiddenBias?.Value);
        int h = HiddenSize;
        var reset = (fromInput.Narrow(1, 0, h) + fromHidden.Narrow(1, 0, h)).Sigmoid();
        var update = (fromInput.Narrow(1, h, h) + fromHidden.Narrow(1, h, h)).Sigmoid();
        var candidate = (fromInput.Narrow(1, 2 * h, h) + reset * fromHidden.Narrow(1, 2 * h, h)).Tanh();
        hidden = candidate + update * (hidden - candidate);
    }
}
