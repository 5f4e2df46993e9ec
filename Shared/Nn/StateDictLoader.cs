using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>Checks a state dict against a module and copies it in, all or nothing.</summary>
internal static class StateDictLoader
{
    public static void Load(Module module, IEnumerable<(string Name, Parameter Parameter)> parameters, IEnumerable<(string Name, ModuleBuffer Buffer)> buffers, IReadOnlyDictionary<string, Tensor> state)
    {
        var problems = new List<string>();
        var targets = new List<(Tensor Target, Tensor Source)>();
        var known = new HashSet<string>();
        var found = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var names = parameters.Select(p => (p.Name, Key: (object)p.Parameter, p.Parameter.Value)).Concat(buffers.Select(b => (b.Name, Key: (object)b.Buffer, b.Buffer.Value))).ToList();
        foreach (var (name, key, target) in names)
        {
            known.Add(name);
            if (!state.TryGetValue(name, out var source)) continue;
            found.Add(key);
            if (source.Shape != target.Shape) problems.Add($"{name} has shape {source.Shape}, expected {target.Shape}");
            else targets.Add((target, source));
        }
        problems.AddRange(names.Where(n => !found.Contains(n.Key)).Select(n => $"{n.Name} of shape {n.Value.Shape} is missing"));
        problems.AddRange(state.Keys.Where(name => !known.Contains(name)).Select(name => $"{name} is not a name of this model"));
        if (problems.Count > 0) throw new ArgumentException($"LoadStateDict({module.GetType().Name}): {string.Join("; ", problems)}");
        foreach (var (target, source) in targets) source.CopyTo(target.Span);
    }
}
