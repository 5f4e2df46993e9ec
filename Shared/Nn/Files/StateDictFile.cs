namespace DistTrain.Nn.Files;

/// <summary>Reads the tensors that a model needs out of a safetensors file, whoever wrote it: PyTorch's state dicts, this program's weights and checkpoints.</summary>
public static class StateDictFile
{
    private const int MostProblems = 8;

    /// <summary>Reads tensors by name as floats; half precision and integers (PyTorch's <c>num_batches_tracked</c>) are converted, tensors that the model does not need are left alone.</summary>
    /// <param name="file">The file.</param>
    /// <param name="wanted">Names and shapes.</param>
    /// <param name="take">Told of each tensor, by its place in <paramref name="wanted"/>, once all are known to be there.</param>
    /// <exception cref="UserErrorException">Some are missing or have another shape: the message lists the first of them.</exception>
    public static void Read(SafeTensorsFile file, IReadOnlyList<(string Name, IReadOnlyList<int> Shape)> wanted, Action<int, float[]> take)
    {
        var problems = new List<string>();
        foreach (var (name, shape) in wanted)
        {
            if (!file.Entries.TryGetValue(name, out var found)) problems.Add($"has no {name} of shape [{string.Join(", ", shape)}]");
            else if (!found.Shape.SequenceEqual(shape)) problems.Add($"{name} has shape [{string.Join(", ", found.Shape)}], the model's has [{string.Join(", ", shape)}]");
        }
        if (problems.Count > 0)
        {
            string more = problems.Count > MostProblems ? $"; and {problems.Count - MostProblems} more" : "";
            throw new UserErrorException($"{file.Path}: does not fit the model: {string.Join("; ", problems.Take(MostProblems))}{more}{Others(file, wanted)}");
        }
        for (int i = 0; i < wanted.Count; i++) take(i, file.ReadFloats(wanted[i].Name));
    }

    /// <summary>Reads all parameters and buffers of a module; nothing changes where one is missing.</summary>
    /// <exception cref="UserErrorException">Some are missing or have another shape.</exception>
    public static void ReadInto(SafeTensorsFile file, Module module)
    {
        var targets = module.NamedParameters().Select(p => (p.Name, p.Parameter.Value)).Concat(module.NamedBuffers().Select(b => (b.Name, b.Buffer.Value))).ToList();
        Read(file, [.. targets.Select(t => (t.Name, (IReadOnlyList<int>)[.. t.Value.Shape.Span]))], (i, values) => values.CopyTo(targets[i].Value.Span));
    }

    /// <summary>What the file has instead: for names that differ by a prefix.</summary>
    private static string Others(SafeTensorsFile file, IReadOnlyList<(string Name, IReadOnlyList<int> Shape)> wanted)
    {
        var known = wanted.Select(w => w.Name).ToHashSet();
        var others = file.Entries.Keys.Where(name => !known.Contains(name) && name != SafeTensorsWriter.ChecksumName && !name.StartsWith("optimizer.", StringComparison.Ordinal)).ToList();
        return others.Count == 0 ? "" : $"; it has {string.Join(", ", others.Take(MostProblems))}{(others.Count > MostProblems ? $" and {others.Count - MostProblems} more" : "")}, which the model does not know";
    }
}
