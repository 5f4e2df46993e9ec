using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Nn.Onnx;

/// <summary>
/// Writes a module into an ONNX graph by what its Forward computes: it is called with two batches of different sizes, and the operations of both are held against each other. Sizes that differ are those that
/// depend on the batch; tensors that are the same in both are constants; and what differs without being an operation's output cannot be exported, and is refused.
/// </summary>
internal sealed partial class OnnxTrace
{
    /// <summary>Sizes of the two batches: coprime, and none that a layer would have by chance matters, since both are compared.</summary>
    private const int FirstBatch = 3, SecondBatch = 5;

    private readonly OnnxGraph graph;
    private readonly OnnxValue input;
    private readonly Dictionary<Place, OnnxValue> known = [];
    private readonly Dictionary<Place, Func<OnnxValue>> parts = [];

    private OnnxTrace(OnnxGraph graph, OnnxValue input) => (this.graph, this.input) = (graph, input);

    /// <summary>The dimension whose size is open: the batch's, the first unless another one is said to be.</summary>
    private static int Open(OnnxValue input) => Math.Max(0, input.Shape.IndexOf(OnnxValue.Dynamic));

    /// <summary>Adds what a module computes.</summary>
    /// <exception cref="UserErrorException">Something of it cannot be exported.</exception>
    public static OnnxValue Apply(OnnxGraph graph, Module module, OnnxValue input)
    {
        if (input.Rank == 0 || input.Shape.Count(size => size == OnnxValue.Dynamic) > 1)
            throw graph.Error($"{module.GetType().Name} has no ToOnnx, so it is exported by what its Forward computes, which takes an input of which no size but the batch's is open; it was {input}. Override ToOnnx, or give the sizes");
        List<(Module Module, bool Training)> modes = [.. module.Modules().Select(one => (one, one.Training))];
        try
        {
            module.Eval();
            Run first = Run.Of(graph, module, input, FirstBatch), second = Run.Of(graph, module, input, SecondBatch);
            return new OnnxTrace(graph, input).Write(first, second);
        }
        finally
        {
            // Parents come before their children, whose own mode so has the last word.
            foreach (var (one, training) in modes) one.Train(training);
        }
    }

    private OnnxValue Write(Run first, Run second)
    {
        foreach (var (part, value) in graph.Parts()) parts[Place.Of(part)] = value;
        known[Place.Of(first.Input)] = input;
        var (left, right) = (first.Operations, second.Operations);
        if (left.Count != right.Count || left.Zip(right).Any(pair => pair.First.Name != pair.Second.Name || pair.First.Inputs.Length != pair.Second.Inputs.Length))
            throw Refused("it computes other operations for one batch size than for another");
        for (int i = 0; i < left.Count; i++)
        {
            if (left[i].IsOverwritten || right[i].IsOverwritten) throw Refused($"it changes a tensor in place that {left[i].Name} uses: take the operation that gives a new one");
            if (Changed(left[i], right[i]) is { } setting) throw Refused($"{left[i].Name} has another {setting} for one batch size than for another");
            var pair = new Step(left[i], right[i]);
            OnnxValue[] inputs = [.. left[i].Inputs.Zip(right[i].Inputs, Value)];
            known[Place.Of(left[i].Output)] = Convert(pair, inputs).As(Sizes(left[i].Output, right[i].Output)) with { Type = left[i].Output.Type };
        }
        return known.TryGetValue(Place.Of(first.Output), out var output) ? output : throw Refused("its output is not made of its input by operations on tensors");
    }

    /// <summary>A setting that the graph would hold as it was for the first batch, and that is another for the second.</summary>
    private static string? Changed(TracedOperation first, TracedOperation second) =>
        first.Settings.FirstOrDefault(setting => setting.Value is float or bool or Module && !setting.Value.Equals(second.Get<object>(setting.Name))).Name;

    /// <summary>A tensor's value in the graph; one that no operation made is a constant.</summary>
    private OnnxValue Value(Tensor first, Tensor second)
    {
        if (known.TryGetValue(Place.Of(first), out var value)) return value;
        if (parts.TryGetValue(Place.Of(first), out var part)) return known[Place.Of(first)] = part();
        if (first.Rank != second.Rank) throw Unrecorded(first);
        var sizes = Sizes(first, second);
        (Tensor a, Tensor b) = (first.Detach().Contiguous(), second.Detach().Contiguous());
        // What is the same for every sample needs to be kept once.
        foreach (int dim in Enumerable.Range(0, sizes.Length).Where(dim => sizes[dim] == OnnxValue.Dynamic)) (a, b) = (Once(a, dim), Once(b, dim));
        if (a.Shape != b.Shape || !SameElements(a, b)) throw Unrecorded(first);
        var constant = graph.Constant(a);
        return known[Place.Of(first)] = sizes.Contains(OnnxValue.Dynamic) ? Expand(constant, first, second) : constant;
    }

    /// <summary>One of the elements along a dimension, if all are equal.</summary>
    private Tensor Once(Tensor x, int dim)
    {
        var one = x.Narrow(dim, 0, 1).Contiguous();
        for (int i = 1; i < x.Shape[dim]; i++)
            if (!SameElements(one, x.Narrow(dim, i, 1).Contiguous())) throw Unrecorded(x);
        return one;
    }

    private static bool SameElements(Tensor a, Tensor b) => a.Type == b.Type && a.Type switch
    {
        DType.Float32 => System.Runtime.InteropServices.MemoryMarshal.AsBytes(a.Span).SequenceEqual(System.Runtime.InteropServices.MemoryMarshal.AsBytes(b.Span)),
        DType.Int64 => a.LongSpan.SequenceEqual(b.LongSpan),
        _ => a.BoolSpan.SequenceEqual(b.BoolSpan),
    };

    /// <summary>Sizes of which those that depend on the batch are open.</summary>
    private ImmutableArray<int> Sizes(Tensor first, Tensor second)
    {
        if (first.Rank != second.Rank) throw Refused("a tensor has other dimensions for one batch size than for another");
        int[] sizes = new int[first.Rank];
        for (int i = 0; i < sizes.Length; i++) sizes[i] = Factor(first.Shape[i], second.Shape[i]) == 0 ? first.Shape[i] : OnnxValue.Dynamic;
        return [.. sizes];
    }

    /// <summary>How many times the batch a size is; 0 for one that does not depend on it.</summary>
    private int Factor(int first, int second)
    {
        if (first == second) return 0;
        int factor = first / FirstBatch;
        return factor > 0 && factor * FirstBatch == first && factor * SecondBatch == second ? factor : throw Refused($"a size is {first} for {FirstBatch} samples and {second} for {SecondBatch}, expected a multiple of the batch");
    }

    /// <summary>A tensor repeated to the shape of another.</summary>
    private OnnxValue Expand(OnnxValue x, Tensor first, Tensor second)
    {
        var parts = new List<OnnxValue>();
        for (int i = 0; i < first.Rank; i++)
        {
            int factor = Factor(first.Shape[i], second.Shape[i]), own = i - (first.Rank - x.Rank);
            // A 1 leaves what is there as it is.
            if (factor == 0) parts.Add(graph.Constant((long)first.Shape[i]));
            else if (own >= 0 && x[own] == OnnxValue.Dynamic) parts.Add(graph.Constant(1L));
            else parts.Add(factor == 1 ? Batch() : graph.Mul(Batch(), graph.Constant((long)factor)));
        }
        return graph.Node("Expand", [x, parts.Count == 1 ? parts[0] : graph.Concat(parts, 0)], Sizes(first, second));
    }

    private OnnxValue Batch() => graph.Slice(graph.ShapeOf(input), Open(input), Open(input) + 1, 0);

    /// <summary>A tensor in another shape.</summary>
    private OnnxValue Reshape(OnnxValue x, Tensor first, Tensor second)
    {
        var sizes = Sizes(first, second);
        if (sizes.SequenceEqual(x.Shape) && sizes.Count(size => size == OnnxValue.Dynamic) <= 1) return x;
        int[] asked = [.. sizes];
        // Of several open sizes all but one must stay where they are.
        for (int i = 0; i < asked.Length && asked.Count(size => size == -1) > 1; i++)
            if (asked[i] == -1 && i < x.Rank && x[i] == OnnxValue.Dynamic) asked[i] = 0;
        return asked.Count(size => size == -1) <= 1 ? graph.Reshape(x, [.. asked]) : throw Refused($"a reshape of {x} has several sizes that depend on the batch");
    }

    private UserErrorException Unrecorded(Tensor tensor) =>
        Refused($"a tensor of shape {tensor.Shape} depends on the input in a way that was not seen, such as by ToArray(), Span, Item() or random numbers");

    private UserErrorException Refused(string why) => graph.Error($"what Forward computes cannot be exported: {why}; or override ToOnnx");

    /// <summary>Where a tensor's elements stand: tensors of the same place are the same.</summary>
    private readonly record struct Place(Storage Storage, int Offset, Shape Shape, Shape Strides)
    {
        public static Place Of(Tensor tensor) => new(tensor.Node.Storage, tensor.Node.Offset, tensor.Node.Shape, tensor.Node.Strides);
    }

    /// <summary>An operation in both runs.</summary>
    private readonly record struct Step(TracedOperation First, TracedOperation Second)
    {
        public string Name => First.Name;

        public T Get<T>(string setting) => First.Get<T>(setting);

        public bool Has(string setting) => First.Has(setting);
    }

    /// <summary>A call of a module's Forward.</summary>
    private sealed record Run(Tensor Input, Tensor Output, IReadOnlyList<TracedOperation> Operations)
    {
        public static Run Of(OnnxGraph graph, Module module, OnnxValue input, int batch)
        {
            using var silent = GradMode.NoGrad();
            var shape = new Shape([.. input.Shape.SetItem(Open(input), batch)]);
            var x = Sample(input.Type, shape, batch);
            using var trace = Trace.Begin();
            try
            {
                return new Run(x, module.Forward(x), trace.Operations);
            }
            catch (Exception error) when (error is ArgumentException or NotSupportedException or InvalidOperationException or NotImplementedException)
            {
                throw graph.Error($"{module.GetType().Name} cannot be exported: its Forward refuses an input of shape {shape}: {error.Message}");
            }
        }

        /// <summary>Numbers on both sides of 0; of tokens those that every vocabulary has.</summary>
        private static Tensor Sample(DType type, Shape shape, int batch)
        {
            if (type == DType.Int64)
            {
                long[] tokens = new long[shape.Numel];
                for (int i = 0; i < tokens.Length; i++) tokens[i] = batch == FirstBatch ? 0 : i / 2 % 2;
                return Tensor.From(tokens, shape);
            }
            var x = Tensor.Zeros(shape);
            Philox.FillNormal(x.Span, RandomKey.Create(17, (ulong)batch), 0f, 1f);
            return x;
        }
    }
}
