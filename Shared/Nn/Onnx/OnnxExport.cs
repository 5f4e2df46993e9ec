using System.Collections.Immutable;
using DistTrain.Nn.Files;
using DistTrain.Nn.Onnx.Format;
using DistTrain.Tensors;
using Google.Protobuf;

namespace DistTrain.Nn.Onnx;

/// <summary>
/// Writes modules as ONNX models (https://onnx.ai), operator set <see cref="OnnxGraph.Opset"/>: what the module computes in evaluation mode, with its present weights. Modules say in
/// <see cref="Module.ToOnnx"/> what they are made of; others are exported by what their Forward computes.
/// </summary>
public static class OnnxExport
{
    /// <summary>The name of a model's input.</summary>
    public const string InputName = "input";

    /// <summary>The name of its output.</summary>
    public const string OutputName = "output";

    /// <summary>The version of the file format: the one that came with the operator set.</summary>
    private const int IrVersion = 8;

    /// <summary>The most that a protobuf file holds.</summary>
    private const long LargestFile = int.MaxValue;

    /// <summary>Writes a model to a file, which is complete or not there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="module">The model.</param>
    /// <param name="type">The input's type: Float32, or Int64 for tokens.</param>
    /// <param name="input">The input's shape, batch included; <see cref="OnnxValue.Dynamic"/> for sizes that may differ from run to run.</param>
    /// <param name="metadata">Strings to keep with it.</param>
    /// <exception cref="UserErrorException">A module cannot be exported, or the model is too large for the format.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(string path, Module module, DType type, ImmutableArray<int> input, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var model = Build(module, type, input, metadata);
        AtomicFile.Write(path, stream => model.WriteTo(stream));
    }

    /// <summary>Whether a model, or a module in it, is exported by what its Forward computes, so that all of its sizes but the batch's must be known.</summary>
    public static bool NeedsSizes(Module module) => module.Modules().Any(one => !OnnxGraph.SaysItself(one) && one is not ModuleList);

    internal static ModelProto Build(Module module, DType type, ImmutableArray<int> input, IReadOnlyDictionary<string, string>? metadata)
    {
        long bytes = module.Parameters().Sum(parameter => (long)parameter.Numel * sizeof(float));
        if (bytes > LargestFile) throw new UserErrorException($"ONNX: the model's weights are {bytes} bytes, an ONNX file holds at most {LargestFile}; export it as safetensors");
        var graph = new OnnxGraph(module);
        var start = new OnnxValue(InputName, type, input);
        var end = graph.Apply(module, start);
        var output = end with { Name = OutputName };
        graph.Proto.Node.Add(new NodeProto { Name = OutputName, OpType = "Identity", Input = { end.Name }, Output = { OutputName } });
        graph.Proto.Input.Add(Info(start));
        graph.Proto.Output.Add(Info(output));
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "DistTrain", Graph = graph.Proto, OpsetImport = { new OperatorSetIdProto { Version = OnnxGraph.Opset } } };
        foreach (var (key, value) in metadata ?? ImmutableDictionary<string, string>.Empty) model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        return model;
    }

    private static ValueInfoProto Info(OnnxValue value)
    {
        var shape = new TensorShapeProto();
        for (int i = 0; i < value.Rank; i++)
        {
            shape.Dim.Add(value[i] == OnnxValue.Dynamic
                ? new TensorShapeProto.Types.Dimension { DimParam = i == 0 ? "batch" : $"{value.Name}_dim_{i}" }
                : new TensorShapeProto.Types.Dimension { DimValue = value[i] });
        }
        return new ValueInfoProto { Name = value.Name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)OnnxGraph.TypeOf(value.Type), Shape = shape } } };
    }
}
