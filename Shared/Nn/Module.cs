using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// A part of a model: parameters, buffers and other modules, and what it computes. Subclass it, hold <see cref="Parameter"/>s and modules in fields or properties, and override
/// <see cref="Forward(Tensor)"/>. Members are found in order of declaration and named in snake_case (<c>Fc1</c> is <c>fc1</c>, as PyTorch would call it); a name
/// can be given with <see cref="Register{T}(string, T)"/>.
/// </summary>
public abstract class Module
{
    private readonly List<(string Name, Parameter Parameter)> parameters = [];
    private readonly List<(string Name, ModuleBuffer Buffer)> buffers = [];
    private readonly List<(string Name, Module Module)> children = [];
    private object?[]? found;

    /// <summary>Whether it is in training mode, as it is at first: what Dropout and BatchNorm depend on.</summary>
    public bool Training { get; private set; } = true;

    /// <summary>Its number among the modules of the model, in the order of <see cref="Modules"/>: part of the key of its random numbers. −1 until a model was numbered.</summary>
    internal int Number { get; private set; } = -1;

    /// <summary>Computes the module's output for one input.</summary>
    /// <exception cref="NotSupportedException">The module takes other inputs: see its own methods.</exception>
    public virtual Tensor Forward(Tensor input) => throw new NotSupportedException($"{GetType().Name} has no Forward of one tensor");

    /// <summary>
    /// Writes what <see cref="Forward(Tensor)"/> computes in evaluation mode into an ONNX graph. A class that does not override it is exported by what its Forward computes for two batches, which suits what is made
    /// of operations on tensors and looks at no values; one that overrides it may leave more sizes open than the batch's, and use other operators.
    /// </summary>
    /// <param name="graph">Takes the operations: <see cref="OnnxGraph.Apply"/> for modules inside, else its methods.</param>
    /// <param name="input">The input.</param>
    /// <returns>The output.</returns>
    /// <exception cref="UserErrorException">The module cannot be exported, or not for such an input.</exception>
    public virtual OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => throw graph.Error($"{GetType().Name} cannot be exported: it does not override ToOnnx");

    /// <summary>All parameters in registration order, a shared one once.</summary>
    public IReadOnlyList<Parameter> Parameters() => [.. NamedParameters().Select(p => p.Parameter)];

    /// <summary>All parameters with their names in registration order, a shared one once, under its first name.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> NamedParameters()
    {
        var seen = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        return [.. AllParameters("").Where(p => seen.Add(p.Parameter))];
    }

    /// <summary>All buffers (state that is not trained, such as running statistics) with their names.</summary>
    public IReadOnlyList<(string Name, ModuleBuffer Buffer)> NamedBuffers()
    {
        var seen = new HashSet<ModuleBuffer>(ReferenceEqualityComparer.Instance);
        return [.. AllBuffers("").Where(b => seen.Add(b.Buffer))];
    }

    /// <summary>The modules directly inside this one, with their names.</summary>
    public IReadOnlyList<(string Name, Module Module)> NamedChildren()
    {
        Discover();
        return children;
    }

    /// <summary>This module and all inside of it, each before its children, a shared one once.</summary>
    public IReadOnlyList<Module> Modules()
    {
        var seen = new HashSet<Module>(ReferenceEqualityComparer.Instance);
        var result = new List<Module>();
        Visit(this);
        return result;

        void Visit(Module module)
        {
            if (!seen.Add(module)) return;
            result.Add(module);
            foreach (var (_, child) in module.NamedChildren()) Visit(child);
        }
    }

    /// <summary>Forgets all gradients.</summary>
    public void ZeroGrad()
    {
        foreach (var parameter in Parameters()) parameter.ZeroGrad();
    }

    /// <summary>Sets training or evaluation mode, here and in all modules inside.</summary>
    public Module Train(bool mode = true)
    {
        foreach (var module in Modules()) module.Training = mode;
        return this;
    }

    /// <summary>Sets evaluation mode, here and in all modules inside.</summary>
    public Module Eval() => Train(false);

    /// <summary>
    /// All parameters and buffers by name, under PyTorch's names: a shared parameter stands under each of its names. The tensors are the module's own, not copies.
    /// </summary>
    public IReadOnlyDictionary<string, Tensor> StateDict()
    {
        var result = new Dictionary<string, Tensor>();
        foreach (var (name, parameter) in AllParameters("")) result.Add(name, parameter.Value.Detach());
        foreach (var (name, buffer) in AllBuffers("")) result.Add(name, buffer.Value.Detach());
        return result;
    }

    /// <summary>
    /// Copies values from a state dict into the module. Of a shared parameter one of its names is enough.
    /// </summary>
    /// <exception cref="ArgumentException">A name is missing, unknown, or has another shape: the message lists all of them.</exception>
    public void LoadStateDict(IReadOnlyDictionary<string, Tensor> state) => StateDictLoader.Load(this, AllParameters(""), AllBuffers(""), state);

    /// <summary>The module and what is inside of it, one a line, as PyTorch prints it.</summary>
    public override string ToString()
    {
        var inside = NamedChildren();
        if (inside.Count == 0) return GetType().Name + "()";
        return $"{GetType().Name}(\n{string.Concat(inside.Select(c => $"  ({c.Name}): {c.Module.ToString()!.Replace("\n", "\n  ", StringComparison.Ordinal)}\n"))})";
    }

    /// <summary>Sets <see cref="Number"/> here and in all modules inside; every process that builds the same model gives the same numbers.</summary>
    internal void AssignNumbers()
    {
        int number = 0;
        foreach (var module in Modules()) module.Number = number++;
    }

    /// <summary>Adds a module under a name of its own and returns it.</summary>
    protected internal T Register<T>(string name, T module) where T : Module
    {
        children.Add((name, module));
        return module;
    }

    /// <summary>Adds a parameter under a name of its own and returns it.</summary>
    protected Parameter Register(string name, Parameter parameter)
    {
        parameters.Add((name, parameter));
        return parameter;
    }

    /// <summary>Adds a buffer under a name of its own and returns it.</summary>
    protected ModuleBuffer Register(string name, ModuleBuffer buffer)
    {
        buffers.Add((name, buffer));
        return buffer;
    }

    private IEnumerable<(string Name, Parameter Parameter)> AllParameters(string prefix)
    {
        Discover();
        foreach (var (name, parameter) in parameters) yield return (prefix + name, parameter);
        foreach (var (name, child) in children)
            foreach (var item in child.AllParameters(prefix + name + "."))
                yield return item;
    }

    private IEnumerable<(string Name, ModuleBuffer Buffer)> AllBuffers(string prefix)
    {
        Discover();
        foreach (var (name, buffer) in buffers) yield return (prefix + name, buffer);
        foreach (var (name, child) in children)
            foreach (var item in child.AllBuffers(prefix + name + "."))
                yield return item;
    }

    /// <summary>
    /// Finds the members that were not registered by name: fields in order of declaration, base classes first. A field may be set, or set to something else, at any time: what was found before is looked at again.
    /// </summary>
    private void Discover()
    {
        var fields = ModuleFields.Of(GetType());
        found ??= new object?[fields.Count];
        for (int i = 0; i < found.Length; i++)
        {
            object? value = fields[i].Field.GetValue(this), before = found[i];
            if (ReferenceEquals(value, before)) continue;
            found[i] = value;
            Replace(parameters, fields[i].Name, before as Parameter, value as Parameter);
            Replace(buffers, fields[i].Name, before as ModuleBuffer, value as ModuleBuffer);
            Replace(children, fields[i].Name, before as Module, value as Module);
        }
    }

    /// <summary>Puts a field's value where its last one was, or at the end; one that is known already keeps its first name.</summary>
    private static void Replace<T>(List<(string Name, T Part)> known, string name, T? before, T? value) where T : class
    {
        int at = before is null ? -1 : known.FindIndex(part => part.Name == name && ReferenceEquals(part.Part, before));
        bool isNew = value is not null && !known.Exists(part => ReferenceEquals(part.Part, value));
        if (isNew && at >= 0) known[at] = (name, value!);
        else if (isNew) known.Add((name, value!));
        else if (at >= 0) known.RemoveAt(at);
    }
}
