using DistTrain.Tensors;

namespace DistTrain.Nn.Files;

/// <summary>Saves and loads the weights of modules as safetensors files, under PyTorch's state-dict names.</summary>
public static class SafeTensors
{
    /// <summary>Saves parameters and buffers; a shared parameter is stored once, under its first name.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(string path, Module module, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var writer = new SafeTensorsWriter();
        foreach (var (key, value) in metadata ?? new Dictionary<string, string>()) writer.Metadata[key] = value;
        foreach (var (name, parameter) in module.NamedParameters()) writer.Add(name, parameter.Shape.Span, parameter.Value.ToArray());
        foreach (var (name, buffer) in module.NamedBuffers()) writer.Add(name, buffer.Shape.Span, buffer.Value.ToArray());
        writer.Save(path);
    }

    /// <summary>Reads all tensors of a file as float32: a state dict for <see cref="Module.LoadStateDict"/>.</summary>
    /// <exception cref="UserErrorException">The file cannot be read or is damaged.</exception>
    public static IReadOnlyDictionary<string, Tensor> Load(string path)
    {
        using var file = SafeTensorsFile.Open(path);
        return file.Entries.Values.OrderBy(e => e.Offset).ToDictionary(e => e.Name, e => Tensor.From(file.ReadFloats(e.Name), new Shape([.. e.Shape])));
    }
}
