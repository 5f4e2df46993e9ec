using System.Runtime.InteropServices;
using DistTrain.Tensors;

namespace DistTrain.Nn.Files;

/// <summary>Saves and loads the weights of modules as safetensors files, under PyTorch's state-dict names.</summary>
public static class SafeTensors
{
    /// <summary>Saves parameters and buffers; counts of steps (BatchNorm's <c>num_batches_tracked</c>) as whole numbers, as PyTorch has them.</summary>
    /// <param name="path">The file.</param>
    /// <param name="module">The model.</param>
    /// <param name="metadata">Strings to keep with it.</param>
    /// <param name="everyName">Stores a shared parameter under each of its names, as PyTorch's strict loading expects; else once, under its first.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(string path, Module module, IReadOnlyDictionary<string, string>? metadata = null, bool everyName = false)
    {
        var writer = new SafeTensorsWriter();
        foreach (var (key, value) in metadata ?? new Dictionary<string, string>()) writer.Metadata[key] = value;
        var buffers = module.NamedBuffers();
        var counts = buffers.Where(b => b.Buffer.Update is StepCount).Select(b => b.Name).ToHashSet();
        var parameters = everyName ? module.StateDict().Select(entry => (Name: entry.Key, entry.Value)).Where(entry => !buffers.Any(b => b.Name == entry.Name)) : module.NamedParameters().Select(p => (p.Name, p.Parameter.Value));
        foreach (var (name, value) in parameters) writer.Add(name, value.Shape.Span, value.ToArray());
        foreach (var (name, buffer) in buffers)
        {
            if (counts.Contains(name)) writer.Add(name, "I64", buffer.Shape.Span, MemoryMarshal.AsBytes<long>([.. buffer.Value.ToArray().Select(value => (long)value)]).ToArray());
            else writer.Add(name, buffer.Shape.Span, buffer.Value.ToArray());
        }
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
