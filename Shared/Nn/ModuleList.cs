using System.Collections;
using System.Globalization;

namespace DistTrain.Nn;

/// <summary>A list of modules, for modules that walk them in a way of their own; they are named 0, 1, 2, … in the state dict.</summary>
public sealed class ModuleList : Module, IReadOnlyList<Module>
{
    private readonly List<Module> modules = [];

    /// <summary>Makes a list.</summary>
    public ModuleList(params IEnumerable<Module> modules)
    {
        foreach (var module in modules) Append(module);
    }

    /// <summary>The number of modules.</summary>
    public int Count => modules.Count;

    /// <summary>One of the modules.</summary>
    public Module this[int index] => modules[index];

    /// <summary>Adds a module at the end.</summary>
    public ModuleList Append(Module module)
    {
        modules.Add(Register(modules.Count.ToString(CultureInfo.InvariantCulture), module));
        return this;
    }

    /// <summary>Enumerates the modules.</summary>
    public IEnumerator<Module> GetEnumerator() => modules.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
