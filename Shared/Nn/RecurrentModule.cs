using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// What GRU and LSTM share: layers, directions, their parameters under PyTorch's names (<c>weight_ih_l0</c>, <c>weight_hh_l0</c>, <c>bias_ih_l0</c>, <c>bias_hh_l0</c>, with <c>_reverse</c> for the second direction),
/// uniform in ±1/√hidden, and the walk over time.
/// </summary>
public abstract class RecurrentModule : Module
{
    /// <summary>What a walk over time collects: the thread's own, so that no step allocates and no two threads share it, and empty between walks, so that it holds no graph.</summary>
    [ThreadStatic]
    private static Tensor[]? kept;

    private readonly int inputSize;
    private readonly int numLayers;
    private readonly bool batchFirst;
    private readonly Dropout? between;
    private readonly Direction[] cells;

    private protected RecurrentModule(int gates, int inputSize, int hiddenSize, int numLayers, bool bias, bool batchFirst, float dropout, bool bidirectional)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(hiddenSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(numLayers, 1);
        (this.inputSize, HiddenSize, this.numLayers, this.batchFirst) = (inputSize, hiddenSize, numLayers, batchFirst);
        Directions = bidirectional ? 2 : 1;
        cells = new Direction[numLayers * Directions];
        for (int i = 0; i < cells.Length; i++)
        {
            int width = i < Directions ? inputSize : hiddenSize * Directions;
            string suffix = $"_l{i / Directions}{(i % Directions == 1 ? "_reverse" : "")}";
            cells[i] = new Direction(
                Weight("weight_ih" + suffix, [gates * hiddenSize, width]), Weight("weight_hh" + suffix, [gates * hiddenSize, hiddenSize]),
                bias ? Weight("bias_ih" + suffix, [gates * hiddenSize]) : null, bias ? Weight("bias_hh" + suffix, [gates * hiddenSize]) : null);
        }
        if (dropout > 0f && numLayers > 1) between = Register("dropout", new Dropout(dropout));
    }

    private protected int HiddenSize { get; }

    private protected int Directions { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) =>
        // An exporter has an operator for all of it; the walk over time would be as many operations as the sequence has steps.
        Trace.Current is { } trace ? Traced(trace, input) : Run(input, null, null).Output;

    // Apart from Forward, which would allocate what the closure holds whether or not it is made.
    private Tensor Traced(Trace trace, Tensor input) => trace.AsOne(nameof(RecurrentModule), input, () => Run(input, null, null).Output, ("module", this));

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        if (input.Rank != 3) throw graph.Error($"{this} takes {(batchFirst ? "[N, T, in]" : "[T, N, in]")}, not {input}");
        var x = batchFirst ? graph.Permute(input, 1, 0, 2) : input;
        for (int layer = 0; layer < numLayers; layer++)
        {
            var (operation, gates, attributes) = OnnxOperator;
            var own = cells.AsSpan(layer * Directions, Directions);
            OnnxValue Stack(Func<Direction, float[]> values, params ImmutableArray<int> sizes)
            {
                float[] all = [.. cells.Skip(layer * Directions).Take(Directions).SelectMany(values)];
                return graph.Constant(all, [Directions, .. sizes]);
            }
            int width = own[0].InputWeight.Shape[1], rows = gates.Length * HiddenSize;
            OnnxValue inputWeight = Stack(cell => Reordered(cell.InputWeight, gates), rows, width), hiddenWeight = Stack(cell => Reordered(cell.HiddenWeight, gates), rows, HiddenSize);
            var biases = own[0].InputBias is null ? null : Stack(cell => [.. Reordered(cell.InputBias!, gates), .. Reordered(cell.HiddenBias!, gates)], 2 * rows);
            var output = graph.Node(
                operation, [x, inputWeight, hiddenWeight, biases], [x[0], Directions, x[1], HiddenSize],
                [("hidden_size", (long)HiddenSize), ("direction", Directions == 2 ? "bidirectional" : "forward"), .. attributes]);
            x = graph.Reshape(graph.Permute(output, 0, 2, 1, 3), 0, 0, Directions * HiddenSize);
        }
        return batchFirst ? graph.Permute(x, 1, 0, 2) : x;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{GetType().Name}({inputSize}, {HiddenSize}, num_layers: {numLayers}{(Directions == 2 ? ", bidirectional" : "")})";

    /// <summary>The operator of ONNX, the places of its gates among those of the parameters here, and what else it has to be told.</summary>
    private protected abstract (string Operation, ImmutableArray<int> Gates, ImmutableArray<(string Name, object Value)> Attributes) OnnxOperator { get; }

    /// <summary>One time step of one direction of one layer: from the input's share of the gates and the state to the next state, whose hidden part is returned.</summary>
    private protected abstract void Step(in Direction cell, Tensor fromInput, ref Tensor hidden, ref Tensor memory);

    /// <summary>Runs all layers; initial states are [layers·directions, N, H] or zeros.</summary>
    private protected (Tensor Output, Tensor Hidden, Tensor Memory) Run(Tensor input, Tensor? initialHidden, Tensor? initialMemory)
    {
        if (input.Rank != 3 || input.Shape[2] != inputSize) throw new ArgumentException($"{this}: input {input.Shape}, expected {(batchFirst ? "[N, T, in]" : "[T, N, in]")} with in = {inputSize}");
        var x = batchFirst ? input.Transpose(0, 1) : input;
        int time = x.Shape[0], batch = x.Shape[1];
        if (time == 0) throw new ArgumentException($"{this}: input {input.Shape} has no time steps, expected 1 or more");
        var expected = new Shape(cells.Length, batch, HiddenSize);
        if (initialHidden is { } h0 && h0.Shape != expected) throw new ArgumentException($"{this}: the initial hidden state has shape {h0.Shape}, expected {expected}");
        if (initialMemory is { } c0 && c0.Shape != expected) throw new ArgumentException($"{this}: the initial cell state has shape {c0.Shape}, expected {expected}");
        int room = time + 2 * cells.Length;
        if (kept is null || kept.Length < room) kept = new Tensor[room];
        try
        {
            var (output, hidden, memory) = Walk(x, initialHidden, initialMemory, kept.AsSpan(0, time), kept.AsSpan(time, 2 * cells.Length));
            return (batchFirst ? output.Transpose(0, 1) : output, hidden, memory);
        }
        finally
        {
            Array.Clear(kept, 0, room);
        }
    }

    private (Tensor Output, Tensor Hidden, Tensor Memory) Walk(Tensor x, Tensor? initialHidden, Tensor? initialMemory, Span<Tensor> steps, Span<Tensor> finals)
    {
        int batch = x.Shape[1];
        for (int layer = 0; layer < numLayers; layer++)
        {
            if (layer > 0 && between != null) x = between.Forward(x);
            Tensor forward = default, both = default;
            for (int d = 0; d < Directions; d++)
            {
                int cell = layer * Directions + d;
                both = OneDirection(cells[cell], x, d == 1, steps, initialHidden?.Select(0, cell) ?? Tensor.Zeros([batch, HiddenSize]), initialMemory?.Select(0, cell), out finals[cell], out finals[cells.Length + cell]);
                if (d == 0) forward = both;
            }
            x = Directions == 1 ? forward : Tensor.Cat([forward, both], 2);
        }
        var hidden = Tensor.Stack(finals[..cells.Length]);
        var memory = KeepsMemory ? Tensor.Stack(finals[cells.Length..]) : hidden;
        return (x, hidden, memory);
    }

    /// <summary>Whether there is a cell state beside the hidden one.</summary>
    private protected abstract bool KeepsMemory { get; }

    private Tensor OneDirection(in Direction cell, Tensor x, bool reverse, Span<Tensor> steps, Tensor hidden, Tensor? initialMemory, out Tensor lastHidden, out Tensor lastMemory)
    {
        // The input's share of all time steps' gates in one product.
        var fromInput = x.Linear(cell.InputWeight, cell.InputBias?.Value);
        var memory = KeepsMemory ? initialMemory ?? Tensor.Zeros(hidden.Shape) : hidden;
        for (int i = 0; i < steps.Length; i++)
        {
            int t = reverse ? steps.Length - 1 - i : i;
            Step(cell, fromInput.Select(0, t), ref hidden, ref memory);
            steps[t] = hidden;
        }
        (lastHidden, lastMemory) = (hidden, memory);
        return Tensor.Stack(steps);
    }

    /// <summary>A parameter's gates in the order of ONNX.</summary>
    private static float[] Reordered(Parameter parameter, ImmutableArray<int> gates)
    {
        float[] values = parameter.Value.ToArray();
        int length = values.Length / gates.Length;
        return [.. gates.SelectMany(gate => values.Skip(gate * length).Take(length))];
    }

    private Parameter Weight(string name, Shape shape)
    {
        float bound = 1f / MathF.Sqrt(HiddenSize);
        return Register(name, new Parameter(Init.Uniform(shape, -bound, bound)));
    }

    /// <summary>The parameters of one direction of one layer.</summary>
    private protected readonly record struct Direction(Parameter InputWeight, Parameter HiddenWeight, Parameter? InputBias, Parameter? HiddenBias);
}
