using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Nn.Onnx;

internal sealed partial class OnnxTrace
{
    /// <summary>Operations that the operator set has under the same name or another one.</summary>
    private static readonly Dictionary<string, string> Unary = new()
    {
        ["Relu"] = "Relu", ["Tanh"] = "Tanh", ["Sigmoid"] = "Sigmoid", ["Exp"] = "Exp", ["Log"] = "Log", ["Sqrt"] = "Sqrt", ["Reciprocal"] = "Reciprocal", ["Abs"] = "Abs", ["Neg"] = "Neg",
        ["Sin"] = "Sin", ["Cos"] = "Cos", ["Erf"] = "Erf", ["LogicalNot"] = "Not",
    };

    private static readonly Dictionary<string, string> Binary = new()
    {
        ["Add"] = "Add", ["Sub"] = "Sub", ["Mul"] = "Mul", ["Div"] = "Div", ["Pow"] = "Pow", ["Maximum"] = "Max", ["Minimum"] = "Min", ["LogicalAnd"] = "And", ["LogicalOr"] = "Or", ["LogicalXor"] = "Xor",
        ["Equal"] = "Equal", ["NotEqual"] = "Equal", ["Less"] = "Less", ["LessOrEqual"] = "LessOrEqual", ["Greater"] = "Greater", ["GreaterOrEqual"] = "GreaterOrEqual",
    };

    /// <summary>Reductions that keep the reduced dimensions with size 1.</summary>
    private static readonly Dictionary<string, string> Reductions = new()
    {
        ["Mean"] = "ReduceMean", ["Amax"] = "ReduceMax", ["Amin"] = "ReduceMin", ["Prod"] = "ReduceProd", ["LogSumExp"] = "ReduceLogSumExp", ["Norm"] = "ReduceL2",
    };

    /// <summary>The operations that are a module, which knows how it is exported.</summary>
    private static readonly Dictionary<string, Func<Step, Module>> Modules = new()
    {
        ["LeakyRelu"] = step => new LeakyReLU(step.Get<float>("slope")), ["Elu"] = step => new ELU(step.Get<float>("alpha")), ["Gelu"] = _ => new GELU(), ["GeluTanh"] = _ => new GELU(GeluApproximation.Tanh),
        ["Silu"] = _ => new SiLU(), ["Mish"] = _ => new Mish(), ["LogSigmoid"] = _ => new LogSigmoid(), ["Softplus"] = step => new Softplus(step.Get<float>("beta"), step.Get<float>("threshold")),
        ["Hardtanh"] = step => new Hardtanh(step.Get<float>("min"), step.Get<float>("max")), ["Hardswish"] = _ => new Hardswish(),
        ["MaxPool2d"] = step => Pool(step, (kernel, stride, padding) => new MaxPool2d(kernel, stride, padding)), ["AvgPool2d"] = step => Pool(step, (kernel, stride, padding) => new AvgPool2d(kernel, stride, padding)),
        ["AdaptiveAvgPool2d"] = step => new AdaptiveAvgPool2d((step.First.Output.Shape[^2], step.First.Output.Shape[^1])),
    };

    private OnnxValue Convert(Step step, OnnxValue[] inputs)
    {
        var (name, x, (first, second)) = (step.Name, inputs[0], (step.First.Output, step.Second.Output));
        if (Unary.TryGetValue(name, out string? unary)) return graph.Unary(unary, x);
        if (Modules.TryGetValue(name, out var module)) return module(step).ToOnnx(graph, x);
        if (Reductions.TryGetValue(name, out string? reduction)) return Reduced(step, x, reduction);
        if (Binary.TryGetValue(name, out string? binary) && (inputs.Length == 2 || step.Has("value")))
        {
            var result = graph.Node(binary, [x, inputs.Length == 2 ? inputs[1] : graph.Constant(step.Get<float>("value"))], Sizes(first, second), null, first.Type);
            return name == "NotEqual" ? graph.Unary("Not", result) : result;
        }
        switch (name)
        {
            case "AddScalar": return graph.Add(x, graph.Constant(step.Get<float>("value")));
            case "Scale": return graph.Scale(x, step.Get<float>("factor"));
            case "Div": return graph.Div(x, graph.Constant(step.Get<float>("divisor")));
            case "Pow": return graph.Node("Pow", [x, graph.Constant(step.Get<float>("exponent"))], x.Shape);
            case "Square": return graph.Mul(x, x);
            case "Rsqrt": return graph.Unary("Reciprocal", graph.Unary("Sqrt", x));
            case "Clamp": return graph.Node("Clip", [x, Bound(step.Get<float>("min")), Bound(step.Get<float>("max"))], x.Shape);
            case "To": return graph.Node("Cast", [x], x.Shape, [("to", (long)OnnxGraph.TypeOf(first.Type))], first.Type);
            case "Clone": return x;
            case "Reshape": return Reshape(x, first, second);
            case "Expand": return Expand(x, first, second);
            case "Cat": return graph.Concat(inputs, step.Get<int>("dim"));
            case "MatMul": return graph.MatMul(x, inputs[1]);
            case "Linear": return Rectified(step, graph.Linear(x, inputs[1], inputs.ElementAtOrDefault(2)));
            case "Conv2d": return Rectified(step, Convolution(step, inputs));
            case "ConvTranspose2d": return Transposed(step, inputs);
            case "Softmax" or "LogSoftmax": return graph.Unary(name, x, ("axis", (long)Axis(step)));
            case "Cumsum": return graph.Node("CumSum", [x, graph.Constant((long)Axis(step))], x.Shape);
            case "Argmax" or "Argmin": return Indices(step, x, name == "Argmax" ? "ArgMax" : "ArgMin");
            case "Sum": return Reshape(Sum(x, Dims(step)), first, second);
            case "Var" or "Std": return Variance(step, x);
            case "Where": return graph.Node("Where", [Value(step, "mask"), x, inputs[1]], Sizes(first, second));
            case "MaskedFill": return graph.Node("Where", [Value(step, "mask"), graph.Constant(step.Get<float>("value")), x], Sizes(first, second), null, DType.Float32);
            case "Pad": return Padded(step, x);
            case "Embedding" or "IndexSelect": return graph.Node("Gather", [x, Value(step, "indices")], Sizes(first, second), [("axis", (long)Axis(step))]);
            case "Gather": return graph.Node("GatherElements", [x, Value(step, "indices")], Sizes(first, second), [("axis", (long)step.Get<int>("dim"))]);
            case "ScatterAdd": return graph.Node("ScatterElements", [x, Value(step, "indices"), inputs[1]], x.Shape, [("axis", (long)step.Get<int>("dim")), ("reduction", "add")]);
            case "LayerNorm" or "RmsNorm" or "GroupNorm" or "BatchNorm": return Normalized(step, inputs);
            case "SelfAttention": return graph.SelfAttention(x, step.Get<int>("heads"), step.Get<bool>("causal"), step.Get<float>("scale"));
            case "ScaledDotProductAttention": return graph.Attention(x, inputs[1], inputs[2], step.Get<bool>("causal"), step.Get<float>("scale"));
            case nameof(RecurrentModule): return step.Get<Module>("module").ToOnnx(graph, x);
            case "Dropout": throw Refused("it draws random numbers in evaluation mode: use the module Dropout");
            default: return step.Has("layout") ? View(step, x) : throw Refused($"the operation {name} is not known to the export");
        }
    }

    private static Module Pool(Step step, Func<Size2d, Size2d, Size2d, Module> make)
    {
        var g = step.Get<PoolShape>("geometry");
        return make((g.KernelH, g.KernelW), (g.StrideH, g.StrideW), (g.PadH, g.PadW));
    }

    private OnnxValue Value(Step step, string setting) => Value(step.First.Get<Tensor>(setting), step.Second.Get<Tensor>(setting));

    private OnnxValue Rectified(Step step, OnnxValue x) => step.Get<bool>("relu") ? graph.Relu(x) : x;

    private OnnxValue? Bound(float value) => float.IsInfinity(value) ? null : graph.Constant(value);

    /// <summary>The dimension that an operation works along: elements before and of it are known.</summary>
    private int Axis(Step step)
    {
        var shape = step.First.Inputs[0].Shape;
        for (int dim = 0, before = 1; dim < shape.Rank; before *= shape[dim++])
            if (before == step.Get<int>("outer") && shape[dim] == step.Get<int>("n")) return dim;
        throw Refused($"the dimension of {step.Name} over a tensor of shape {shape} is not clear");
    }

    /// <summary>The dimensions that a reduction is over.</summary>
    private ImmutableArray<int> Dims(Step step)
    {
        var shape = step.First.Inputs[0].Shape;
        int start = 0, before = 1, n = 1;
        while (before != step.Get<int>("outer") && start < shape.Rank) before *= shape[start++];
        int end = start;
        while (n != step.Get<int>("n") && end < shape.Rank) n *= shape[end++];
        return n == step.Get<int>("n") ? [.. Enumerable.Range(start, end - start)] : throw Refused($"the dimensions of {step.Name} over a tensor of shape {shape} are not clear");
    }

    private OnnxValue Reduced(Step step, OnnxValue x, string operation)
    {
        var dims = Dims(step);
        if (!dims.IsEmpty) x = graph.Node(operation, [x], Ones(x, dims), [("axes", dims.Select(dim => (long)dim).ToArray()), ("keepdims", 1L)]);
        else if (operation == "ReduceL2") x = graph.Unary("Abs", x);
        return Reshape(x, step.First.Output, step.Second.Output);
    }

    private OnnxValue Indices(Step step, OnnxValue x, string operation)
    {
        var index = graph.Node(operation, [x], Ones(x, [Axis(step)]), [("axis", (long)Axis(step)), ("keepdims", 1L)], DType.Int64);
        return Reshape(index, step.First.Output, step.Second.Output);
    }

    private OnnxValue Sum(OnnxValue x, ImmutableArray<int> dims) =>
        dims.IsEmpty ? x : graph.Node("ReduceSum", [x, graph.Constant([.. dims.Select(dim => (long)dim)])], Ones(x, dims), [("keepdims", 1L)]);

    private OnnxValue Variance(Step step, OnnxValue x)
    {
        var dims = Dims(step);
        if (dims.Any(dim => x[dim] == OnnxValue.Dynamic)) throw Refused($"{step.Name} is over the batch");
        var centred = graph.Sub(x, graph.Mean(x, dims));
        var variance = graph.Div(Sum(graph.Mul(centred, centred), dims), graph.Constant(step.Get<float>("divisor")));
        return Reshape(step.Name == "Std" ? graph.Unary("Sqrt", variance) : variance, step.First.Output, step.Second.Output);
    }

    private static ImmutableArray<int> Ones(OnnxValue x, ImmutableArray<int> dims) => [.. x.Shape.Select((size, dim) => dims.Contains(dim) ? 1 : size)];

    private OnnxValue Convolution(Step step, OnnxValue[] inputs)
    {
        var g = step.Get<ConvShape>("geometry");
        return graph.Node("Conv", [inputs[0], inputs[1], inputs.ElementAtOrDefault(2)], Sizes(step.First.Output, step.Second.Output), Windows(g));
    }

    private OnnxValue Transposed(Step step, OnnxValue[] inputs)
    {
        // The geometry is that of the convolution from the output back to the input.
        var g = step.Get<ConvShape>("geometry");
        var from = step.First.Inputs[0].Shape;
        long rows = g.Height - OnnxWindows.TransposedSize(from[2], g.KernelH, g.StrideH, g.PadH, g.DilationH, 0), columns = g.Width - OnnxWindows.TransposedSize(from[3], g.KernelW, g.StrideW, g.PadW, g.DilationW, 0);
        return graph.Node("ConvTranspose", [inputs[0], inputs[1], inputs.ElementAtOrDefault(2)], Sizes(step.First.Output, step.Second.Output), [.. Windows(g), ("output_padding", new[] { rows, columns })]);
    }

    private static (string, object)[] Windows(ConvShape g) =>
    [
        ("strides", OnnxWindows.Pair((g.StrideH, g.StrideW))), ("pads", OnnxWindows.Pads((g.PadH, g.PadW))), ("dilations", OnnxWindows.Pair((g.DilationH, g.DilationW))), ("group", (long)g.Groups),
        ("kernel_shape", new long[] { g.KernelH, g.KernelW }),
    ];

    private OnnxValue Padded(Step step, OnnxValue x)
    {
        var inside = step.Get<Layout>("inside");
        Shape from = step.First.Inputs[0].Shape, to = step.First.Output.Shape;
        int[] starts = Starts(to, inside.Offset);
        long[] pads = [.. starts.Select(start => (long)start), .. starts.Select((start, dim) => (long)(to[dim] - from[dim] - start))];
        return graph.Node("Pad", [x, graph.Constant(pads), graph.Constant(step.Get<float>("value"))], Sizes(step.First.Output, step.Second.Output));
    }

    private OnnxValue Normalized(Step step, OnnxValue[] inputs)
    {
        var (x, shape) = (inputs[0], step.First.Inputs[0].Shape);
        float eps = step.Get<float>("eps");
        OnnxValue? weight = At("weight"), bias = At("bias");
        // A parameter of the last dimensions broadcasts as it is, one of channels has to stand at dimension 1.
        ImmutableArray<int> channels = step.Name is "LayerNorm" or "RmsNorm" ? [] : [shape[1], .. Enumerable.Repeat(1, shape.Rank - 2)];
        var y = step.Name switch
        {
            "LayerNorm" => new LayerNorm(Last(step, shape), eps, elementwiseAffine: false).ToOnnx(graph, x),
            "RmsNorm" => new RMSNorm(Last(step, shape), eps, elementwiseAffine: false).ToOnnx(graph, x),
            "GroupNorm" => new GroupNorm(step.Get<int>("groups"), shape[1], eps, affine: false).ToOnnx(graph, x),
            _ when !step.Get<bool>("own") => graph.Mul(graph.Sub(x, Channels(Value(step, "mean"))), Channels(Value(step, "rstd"))),
            _ when shape.Rank == 4 => new BatchNorm2d(shape[1], eps, affine: false, trackRunningStats: false).ToOnnx(graph, x),
            _ => new BatchNorm1d(shape[1], eps, affine: false, trackRunningStats: false).ToOnnx(graph, x),
        };
        if (weight is not null) y = graph.Mul(y, Channels(weight));
        return bias is null ? y : graph.Add(y, Channels(bias));

        OnnxValue? At(string setting) => step.Get<int>(setting) is >= 0 and var at ? inputs[at] : null;
        OnnxValue Channels(OnnxValue value) => channels.Length <= 1 ? value : graph.Reshape(value, channels);
    }

    /// <summary>The last dimensions, which are normalized over.</summary>
    private static Shape Last(Step step, Shape shape)
    {
        int dims = 0, n = 1;
        while (n != step.Get<int>("n") || dims == 0) n *= shape[^++dims];
        return new Shape(shape.Span[^dims..]);
    }

    /// <summary>A view: dimensions in another order, a part of some, or one index of one. The layout in dense memory says which.</summary>
    private OnnxValue View(Step step, OnnxValue x)
    {
        var (from, view) = (step.First.Inputs[0].Shape, step.Get<Layout>("layout"));
        var (whole, part) = (from.ContiguousStrides(), view.Shape);
        if (part.Rank == from.Rank && part.Numel == from.Numel && view.Offset == 0) return graph.Permute(x, Order(step, from, view));
        int[] starts = Starts(from, view.Offset);
        if (part.Rank == from.Rank - 1)
        {
            for (int dim = 0; dim < from.Rank; dim++)
                if (from.Without(dim) == part && whole.Without(dim) == view.Strides && starts.Where((start, other) => other != dim).All(start => start == 0))
                    return graph.Node("Gather", [x, graph.Index(starts[dim])], Sizes(step.First.Output, step.Second.Output), [("axis", (long)dim)]);
        }
        if (part.Rank != from.Rank) throw Refused($"the view {step.Name} is not known to the export");
        var result = x;
        for (int dim = 0; dim < from.Rank; dim++)
        {
            if (part[dim] == from[dim]) continue;
            int skip = part[dim] > 1 ? view.Strides[dim] / whole[dim] : 1;
            if (x[dim] == OnnxValue.Dynamic || skip * whole[dim] != view.Strides[dim] && part[dim] > 1) throw Refused($"{step.Name} takes a part of the batch");
            result = graph.Node("Slice", [result, graph.Constant((long)starts[dim]), graph.Constant((long)(starts[dim] + (part[dim] - 1) * skip + 1)), graph.Constant((long)dim), graph.Constant((long)skip)], result.Shape.SetItem(dim, part[dim]));
        }
        return result;
    }

    /// <summary>Which dimension stands where; among those of size 1 it does not matter.</summary>
    private ImmutableArray<int> Order(Step step, Shape from, Layout view)
    {
        var whole = from.ContiguousStrides();
        var order = new List<int>();
        for (int i = 0; i < from.Rank; i++)
        {
            int at = Enumerable.Range(0, from.Rank).Where(dim => !order.Contains(dim) && from[dim] == view.Shape[i] && whole[dim] == view.Strides[i]).DefaultIfEmpty(-1).First();
            order.Add(at >= 0 ? at : throw Refused($"the view {step.Name} is not known to the export"));
        }
        return [.. order];
    }

    /// <summary>The index in each dimension of an element of dense memory.</summary>
    private static int[] Starts(Shape shape, int offset)
    {
        int[] starts = new int[shape.Rank];
        var strides = shape.ContiguousStrides();
        for (int dim = 0; dim < starts.Length; dim++) (starts[dim], offset) = shape[dim] == 1 ? (0, offset) : (offset / strides[dim], offset % strides[dim]);
        return starts;
    }
}
