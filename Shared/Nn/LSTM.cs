using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// Long short-term memory: Hochreiter, Schmidhuber 1997, with the gates of <see href="https://pytorch.org/docs/2.6/generated/torch.nn.LSTM.html">PyTorch's LSTM</see> (input, forget, cell, output). Input
/// <c>[T, N, in]</c> (with <c>batchFirst</c>: <c>[N, T, in]</c>), output the hidden states of the last layer, <c>[T, N, directions·hidden]</c>.
/// </summary>
/// <param name="inputSize">Features of the input.</param>
/// <param name="hiddenSize">Features of the hidden state.</param>
/// <param name="numLayers">Layers, each on the outputs of the one before.</param>
/// <param name="bias">Whether there are biases.</param>
/// <param name="batchFirst">Whether the batch is the first dimension.</param>
/// <param name="dropout">The probability of dropout between layers.</param>
/// <param name="bidirectional">Whether each layer also runs backwards in time.</param>
public sealed class LSTM(int inputSize, int hiddenSize, int numLayers = 1, bool bias = true, bool batchFirst = false, float dropout = 0f, bool bidirectional = false)
    : RecurrentModule(4, inputSize, hiddenSize, numLayers, bias, batchFirst, dropout, bidirectional)
{
    private protected override bool KeepsMemory => true;

    private protected override (string Operation, ImmutableArray<int> Gates, ImmutableArray<(string Name, object Value)> Attributes) OnnxOperator => ("LSTM", [0, 3, 1, 2], []);

    /// <summary>The outputs, and the states after the last time step, from given initial states, all of <c>[layers·directions, N, hidden]</c>.</summary>
    public (Tensor Output, Tensor Hidden, Tensor Cell) Forward(Tensor input, (Tensor Hidden, Tensor Cell)? initial) => Run(input, initial?.Hidden, initial?.Cell);

    private protected override void Step(in Direction cell, Tensor fromInput, ref Tensor hidden, ref Tensor memory)
    {
        var gates = fromInput + hidden.Linear(cell.HiddenWeight, cell.HiddenBias?.Value);
        int h = HiddenSize;
        Tensor input = gates.Narrow(1, 0, h).Sigmoid(), forget = gates.Narrow(1, h, h).Sigmoid(), candidate = gates.Narrow(1, 2 * h, h).Tanh(), output = gates.Narrow(1, 3 * h, h).Sigmoid();
        memory = forget * memory + input * candidate;
        hidden = output * memory.Tanh();
    }
}
