using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Training;

/// <summary>A model whose parameters and buffers are windows on flat buffers of one layout. Which buffers can change between steps: nothing is copied.</summary>
public sealed class FlatModel
{
    private readonly Parameter[] parameters;
    private readonly ModuleBuffer[] buffers;
    private FloatBuffer? data;
    private FloatBuffer? gradient;
    private readonly TensorNode[] nodes;
    private readonly Expectation expectation = new();
    private bool expecting;

    /// <summary>Lays out a model; its values stay where they are until <see cref="Bind"/>.</summary>
    public FlatModel(Module model)
    {
        Model = model;
        var named = model.NamedParameters();
        var state = model.NamedBuffers();
        parameters = [.. named.Select(p => p.Parameter)];
        buffers = [.. state.Select(b => b.Buffer)];
        nodes = [.. parameters.Select(p => p.Value.Node), .. buffers.Select(b => b.Value.Node)];
        Layout = new ParameterLayout(named.Select(p => (p.Name, p.Parameter.Shape.ToImmutableArray())), state.Select(b => (b.Name, b.Buffer.Shape.ToImmutableArray())));
    }

    /// <summary>The model.</summary>
    public Module Model { get; }

    /// <summary>Where its parameters and buffers stand.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>The number of parameters.</summary>
    public int Count => parameters.Length;

    /// <summary>A parameter, by its position in the layout.</summary>
    public Parameter this[int index] => parameters[index];

    /// <summary>How a buffer, by its position in the layout, moves on in training; null for one that does not.</summary>
    public BufferUpdate? UpdateOf(int buffer) => buffers[buffer].Update;

    /// <summary>Leaves the present values of buffers that the running piece did not observe as its observation, so that they stay as they are.</summary>
    internal void FillUnobserved(FloatBuffer gradient)
    {
        for (int i = 0; i < buffers.Length; i++)
            if (!buffers[i].WasObserved) buffers[i].Span.CopyTo(gradient.Span[Layout.Buffers[i].Offset..]);
    }

    /// <summary>Copies the model's present values into a new flat buffer.</summary>
    public FloatBuffer CopyValues()
    {
        var flat = new FloatBuffer(Layout.Length);
        for (int i = 0; i < parameters.Length; i++) parameters[i].Span.CopyTo(flat.Span[Layout.Parameters[i].Offset..]);
        for (int i = 0; i < buffers.Length; i++) buffers[i].Span.CopyTo(flat.Span[Layout.Buffers[i].Offset..]);
        return flat;
    }

    /// <summary>Makes the parameters windows on <paramref name="data"/> and their gradients on <paramref name="gradient"/>; gradients are forgotten.</summary>
    public void Bind(FloatBuffer data, FloatBuffer? gradient)
    {
        bool sameData = ReferenceEquals(this.data, data), sameGradient = gradient == null || ReferenceEquals(this.gradient, gradient);
        if (sameData && sameGradient)
        {
            foreach (var parameter in parameters) parameter.ZeroGrad();
            return;
        }
        for (int i = 0; i < parameters.Length; i++) parameters[i].Bind(data, gradient, Layout.Parameters[i].Offset, i);
        (this.data, this.gradient) = (data, gradient ?? this.gradient);
        for (int i = 0; i < buffers.Length; i++) buffers[i].Bind(data, this.gradient, Layout.Buffers[i].Offset);
    }

    /// <summary>From now on whatever uses a parameter or buffer first waits until its floats are here; after <see cref="Bind"/>, up to <see cref="ExpectNothing"/>.</summary>
    internal void Expect(IWeightArrivals arrivals)
    {
        (expectation.Arrivals, expectation.Start) = (arrivals, data!.Start);
        expecting = true;
        foreach (var node in nodes) node.Expect(expectation);
    }

    /// <summary>Everything is here, or is not waited for any more.</summary>
    internal void ExpectNothing()
    {
        if (!expecting) return;
        expecting = false;
        expectation.Arrivals = null;
        foreach (var node in nodes) node.Arrived();
    }

    /// <summary>Copies flat values into the model's own memory and makes it independent of the buffers: for after a run.</summary>
    public void Release(FloatBuffer values)
    {
        var own = new FloatBuffer(Layout.Length);
        values.Span[..Layout.Length].CopyTo(own.Span);
        gradient = null;
        Bind(own, null);
    }

    private sealed class Expectation : IArrival
    {
        public IWeightArrivals? Arrivals { get; set; }

        public int Start { get; set; }

        public void Wait(TensorNode node) => Arrivals!.Wait(node.Offset - Start, node.Shape.Numel);
    }
}
