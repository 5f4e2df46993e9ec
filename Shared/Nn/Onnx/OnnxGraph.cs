using System.Collections.Immutable;
using System.Runtime.InteropServices;
using DistTrain.Autograd;
using DistTrain.Nn.Onnx.Format;
using DistTrain.Tensors;
using Google.Protobuf;

namespace DistTrain.Nn.Onnx;

/// <summary>
/// An ONNX graph while modules write themselves into it (<see cref="Module.ToOnnx"/>): nodes in order, parameters and buffers under their state-dict names, constants. Operations that modules share
/// are methods here, named like the tensor operations that they stand for; <see cref="Node"/> adds any other of the operator set.
/// </summary>
public sealed partial class OnnxGraph
{
    /// <summary>The operator set (ai.onnx) that graphs are written for.</summary>
    public const int Opset = 17;

    private readonly GraphProto graph = new() { Name = "model" };
    private readonly Dictionary<object, string> names = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<object, OnnxValue> stored = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, OnnxValue> constants = [];
    private string scope = "";
    private int count;

    /// <summary>Begins the graph of a model: its parts' names are known from here on.</summary>
    internal OnnxGraph(Module root)
    {
        foreach (var (name, parameter) in root.NamedParameters()) names[parameter] = name;
        foreach (var (name, buffer) in root.NamedBuffers()) names[buffer] = name;
        Name(root, "");

        void Name(Module module, string path)
        {
            if (!names.TryAdd(module, path)) return;
            foreach (var (name, child) in module.NamedChildren()) Name(child, path.Length == 0 ? name : $"{path}.{name}");
        }
    }

    internal GraphProto Proto => graph;

    /// <summary>Adds what a module computes, in evaluation mode.</summary>
    /// <exception cref="UserErrorException">The module cannot be exported: the message names it and says why.</exception>
    public OnnxValue Apply(Module module, OnnxValue input)
    {
        string outer = scope, path = names.GetValueOrDefault(module, "");
        if (path.Length > 0) scope = path;
        try
        {
            return SaysItself(module) ? module.ToOnnx(this, input) : OnnxTrace.Apply(this, module, input);
        }
        finally
        {
            scope = outer;
        }
    }

    /// <summary>A parameter of the model, stored once under its state-dict name.</summary>
    public OnnxValue Parameter(Parameter parameter) => Stored(parameter, parameter.Value);

    /// <summary>A buffer of the model, stored once under its state-dict name.</summary>
    public OnnxValue Buffer(ModuleBuffer buffer) => Stored(buffer, buffer.Value);

    /// <summary>The parameters and buffers of the model, with what stores them when they are used.</summary>
    internal IEnumerable<(Tensor Part, Func<OnnxValue> Value)> Parts()
    {
        foreach (object part in names.Keys)
        {
            if (part is Parameter parameter) yield return (parameter.Value, () => Parameter(parameter));
            if (part is ModuleBuffer buffer) yield return (buffer.Value, () => Buffer(buffer));
        }
    }

    /// <summary>Whether a class says in ToOnnx what its Forward computes: one that says anew what Forward computes must say anew what is exported, or another model would be written than the one trained.</summary>
    internal static bool SaysItself(Module module)
    {
        Type type = module.GetType(), forward = type.GetMethod(nameof(Module.Forward), [typeof(Tensor)])!.DeclaringType!, export = type.GetMethod(nameof(Module.ToOnnx))!.DeclaringType!;
        return export != typeof(Module) && !forward.IsSubclassOf(export);
    }

    /// <summary>A float constant.</summary>
    public OnnxValue Constant(ReadOnlySpan<float> values, params ImmutableArray<int> shape) => Constant(DType.Float32, MemoryMarshal.AsBytes(values), shape);

    /// <summary>A scalar.</summary>
    public OnnxValue Constant(float value) => Constant([value], []);

    /// <summary>A list of whole numbers, <c>[n]</c>: shapes, axes.</summary>
    public OnnxValue Constant(params ReadOnlySpan<long> values) => Constant(DType.Int64, MemoryMarshal.AsBytes(values), [values.Length]);

    /// <summary>A tensor as a constant.</summary>
    internal OnnxValue Constant(Tensor value)
    {
        ImmutableArray<int> shape = [.. value.Shape.Span];
        return value.Type switch
        {
            DType.Int64 => Constant(DType.Int64, MemoryMarshal.AsBytes<long>(value.Contiguous().LongSpan), shape),
            DType.Bool => Constant(DType.Bool, MemoryMarshal.AsBytes<bool>(value.Contiguous().BoolSpan), shape),
            _ => Constant(DType.Float32, MemoryMarshal.AsBytes<float>(value.ToArray()), shape),
        };
    }

    /// <summary>Adds an operation with one output.</summary>
    /// <param name="operation">Its name in the operator set, such as <c>Relu</c>.</param>
    /// <param name="inputs">Its inputs; a null one is left out.</param>
    /// <param name="shape">The output's sizes.</param>
    /// <param name="attributes">Its attributes: <see cref="float"/>, <see cref="long"/>, <see cref="string"/>, <c>long[]</c> or a <see cref="Tensor"/> of one float.</param>
    /// <param name="type">The output's type; the first input's if null.</param>
    public OnnxValue Node(string operation, IReadOnlyList<OnnxValue?> inputs, ImmutableArray<int> shape, IReadOnlyList<(string Name, object Value)>? attributes = null, DType? type = null) =>
        Nodes(operation, inputs, [shape], attributes, type)[0];

    /// <summary>Adds an operation with several outputs.</summary>
    internal OnnxValue[] Nodes(string operation, IReadOnlyList<OnnxValue?> inputs, IReadOnlyList<ImmutableArray<int>> shapes, IReadOnlyList<(string Name, object Value)>? attributes = null, DType? type = null)
    {
        string name = scope.Length == 0 ? $"{operation}_{count++}" : $"{scope}.{operation}_{count++}";
        var node = new NodeProto { Name = name, OpType = operation };
        int given = inputs.Count;
        // An input that is left out has an empty name, but no place at the end: ONNX Runtime's LayerNormalization crashes on one.
        while (given > 0 && inputs[given - 1] is null) given--;
        node.Input.Add(inputs.Take(given).Select(input => input?.Name ?? ""));
        foreach (var (key, value) in attributes ?? []) node.Attribute.Add(Attribute(key, value));
        var outputs = new OnnxValue[shapes.Count];
        for (int i = 0; i < outputs.Length; i++)
        {
            outputs[i] = new OnnxValue(i == 0 ? $"{name}.output" : $"{name}.output{i}", type ?? inputs[0]!.Type, shapes[i]);
            node.Output.Add(outputs[i].Name);
        }
        graph.Node.Add(node);
        return outputs;
    }

    /// <summary>An error that names the module that is being written.</summary>
    public UserErrorException Error(string message) => new($"ONNX: {(scope.Length == 0 ? "the model" : scope)}: {message}");

    internal static TensorProto.Types.DataType TypeOf(DType type) => type switch
    {
        DType.Int64 => TensorProto.Types.DataType.Int64,
        DType.Bool => TensorProto.Types.DataType.Bool,
        _ => TensorProto.Types.DataType.Float,
    };

    private OnnxValue Stored(object part, Tensor value)
    {
        if (stored.TryGetValue(part, out var known)) return known;
        if (!names.TryGetValue(part, out string? name)) throw Error($"a parameter or buffer of shape {value.Shape} is not one of the model's own");
        ImmutableArray<int> shape = [.. value.Shape.Span];
        Initializer(name, DType.Float32, MemoryMarshal.AsBytes<float>(value.ToArray()), shape);
        return stored[part] = new OnnxValue(name, DType.Float32, shape);
    }

    private OnnxValue Constant(DType type, ReadOnlySpan<byte> bytes, ImmutableArray<int> shape)
    {
        string key = $"{type} {string.Join(',', shape)} {Convert.ToHexString(bytes.Length <= 256 ? bytes : System.Security.Cryptography.SHA256.HashData(bytes))}";
        if (constants.TryGetValue(key, out var known)) return known;
        string name = $"constant_{constants.Count}";
        Initializer(name, type, bytes, shape);
        return constants[key] = new OnnxValue(name, type, shape);
    }

    private void Initializer(string name, DType type, ReadOnlySpan<byte> bytes, ImmutableArray<int> shape) => graph.Initializer.Add(Store(name, type, bytes, shape));

    private static TensorProto Store(string name, DType type, ReadOnlySpan<byte> bytes, ImmutableArray<int> shape)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)TypeOf(type), RawData = ByteString.CopyFrom(bytes) };
        tensor.Dims.Add(shape.Select(size => (long)size));
        return tensor;
    }

    private static AttributeProto Attribute(string name, object value)
    {
        var attribute = new AttributeProto { Name = name };
        switch (value)
        {
            case float f: (attribute.F, attribute.Type) = (f, AttributeProto.Types.AttributeType.Float); break;
            case long i: (attribute.I, attribute.Type) = (i, AttributeProto.Types.AttributeType.Int); break;
            case int i: (attribute.I, attribute.Type) = (i, AttributeProto.Types.AttributeType.Int); break;
            case string s: (attribute.S, attribute.Type) = (ByteString.CopyFromUtf8(s), AttributeProto.Types.AttributeType.String); break;
            case long[] list:
                attribute.Ints.Add(list);
                attribute.Type = AttributeProto.Types.AttributeType.Ints;
                break;
            case Tensor tensor:
                (attribute.T, attribute.Type) = (Store("", DType.Float32, MemoryMarshal.AsBytes<float>(tensor.ToArray()), [.. tensor.Shape.Span]), AttributeProto.Types.AttributeType.Tensor);
                break;
            default: throw new ArgumentException($"ONNX: attribute {name} is a {value.GetType().Name}, expected a float, long, string, long[] or Tensor");
        }
        return attribute;
    }
}
