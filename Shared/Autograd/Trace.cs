using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>
/// What is computed on a thread while it is traced, outside of gradients: every operation with its inputs and its output, in order. So an exporter learns what a module is made of that does not say so itself.
/// </summary>
internal sealed class Trace : IDisposable
{
    [ThreadStatic]
    private static Trace? current;

    private readonly List<TracedOperation> operations = [];

    private Trace() { }

    /// <summary>The trace of this thread; null where nothing is traced.</summary>
    public static Trace? Current => current;

    /// <summary>The operations so far.</summary>
    public IReadOnlyList<TracedOperation> Operations => operations;

    /// <summary>Begins to trace this thread; disposing ends it.</summary>
    /// <exception cref="InvalidOperationException">It is being traced.</exception>
    public static Trace Begin() => current is null ? current = new Trace() : throw new InvalidOperationException("this thread is being traced already");

    /// <summary>Ends it.</summary>
    public void Dispose() => current = null;

    /// <summary>Writes down an operation that has a gradient; its rule is filled in by the operation.</summary>
    public TRule Add<TRule>(TRule rule, Tensor output, ReadOnlySpan<Tensor> inputs) where TRule : Rule
    {
        operations.Add(new TracedOperation(rule, null, output, inputs));
        return rule;
    }

    /// <summary>Writes down an operation without a gradient.</summary>
    public void Add(string name, Tensor output, ReadOnlySpan<Tensor> inputs, params (string Name, object Value)[] settings) => operations.Add(new TracedOperation(null, name, output, inputs) { Own = settings });

    /// <summary>Writes down as one operation what is made of several.</summary>
    public Tensor AsOne(string name, Tensor input, Func<Tensor> compute, params (string Name, object Value)[] settings)
    {
        Tensor output;
        current = null;
        try
        {
            output = compute();
        }
        finally
        {
            current = this;
        }
        Add(name, output, [input], settings);
        return output;
    }
}

/// <summary>An operation as it was traced.</summary>
internal sealed class TracedOperation
{
    private readonly Rule? rule;
    private readonly string? name;
    private readonly int[] versions;

    public TracedOperation(Rule? rule, string? name, Tensor output, ReadOnlySpan<Tensor> inputs)
    {
        (this.rule, this.name, Output, Inputs) = (rule, name, output, inputs.ToArray());
        versions = [.. Inputs.Append(output).Select(tensor => tensor.Node.Storage.Version)];
    }

    /// <summary>Its name, such as <c>Linear</c>.</summary>
    public string Name => rule?.Name ?? name!;

    public Tensor Output { get; }

    public Tensor[] Inputs { get; }

    /// <summary>What it was told besides its inputs.</summary>
    public (string Name, object Value)[] Settings => rule?.Settings ?? Own;

    public (string Name, object Value)[] Own { get; init; } = [];

    /// <summary>Whether one of its tensors was written to afterwards, so that it no longer shows what was computed.</summary>
    public bool IsOverwritten => !Inputs.Append(Output).Select(tensor => tensor.Node.Storage.Version).SequenceEqual(versions);

    /// <summary>One of the settings.</summary>
    public T Get<T>(string setting) => (T)Settings.First(known => known.Name == setting).Value;

    /// <summary>Whether there is such a setting.</summary>
    public bool Has(string setting) => Settings.Any(known => known.Name == setting);
}
