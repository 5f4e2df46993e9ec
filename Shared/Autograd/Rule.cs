using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>
/// One recorded operation. A concrete rule stands beside its forward, holds what it saved, and says in <see cref="Backward"/> how the output's gradient flows to each input:
/// by writing into <see cref="Target"/>, or by <c>Give</c> when a gradient tensor is at hand.
/// </summary>
public abstract class Rule : GradNode
{
    private Edge[] edges = new Edge[2];
    private int edgeCount;
    private TensorNode? gradient;
    private bool gradientGiven;
    private List<Func<Tensor, Tensor>>? hooks;
    private TensorNode? retained;

    /// <summary>The operation's name: the class's without <c>Rule</c>.</summary>
    public override string Name => RuleName.Of(GetType());

    /// <summary>The shape of the operation's output, and so of its gradient.</summary>
    protected Shape OutputShape { get; private set; }

    /// <summary>What the operation was told besides its inputs, for <see cref="Trace"/>.</summary>
    internal virtual (string Name, object Value)[] Settings => [];

    internal long Sequence { get; private set; }

    internal int Pending { get; set; }

    internal long Mark { get; set; }

    internal bool Released { get; private set; }

    internal ReadOnlySpan<Edge> Edges => edges.AsSpan(0, edgeCount);

    internal bool HasGradient => gradient != null;

    internal bool HasHooks => hooks != null;

    /// <summary>Flows the output's gradient (contiguous, of <see cref="OutputShape"/>) to the inputs for which <see cref="Needs"/> is true.</summary>
    protected abstract void Backward(Tensor gradient);

    /// <summary>Forgets what forward saved.</summary>
    protected abstract void Forget();

    /// <summary>Whether input <paramref name="input"/> is to receive a gradient.</summary>
    protected bool Needs(int input) => edges[input].Exists;

    /// <summary>The number of inputs that were recorded.</summary>
    protected int Inputs => edgeCount;

    /// <summary>The shape of an input.</summary>
    protected Shape InputShape(int input) => edges[input].Shape;

    /// <summary>
    /// Where to write the gradient of input <paramref name="input"/>: contiguous memory of the input's shape. With <paramref name="accumulate"/> the rule adds to it, otherwise it overwrites every element.
    /// </summary>
    protected Span<float> Target(int input, out bool accumulate) => TensorMemory.Floats(TargetNode(input, out accumulate));

    /// <summary>Lets a gradient that is already computed flow to an input: adds it, or hands over its memory. Its shape must be the input's, or one that was broadcast from it.</summary>
    protected void Give(int input, Tensor value) => Give(input, value, fresh: false);

    /// <summary>As <see cref="Give(int, Tensor)"/>, of a tensor that was just made and that nothing else holds: its memory may be taken over.</summary>
    protected void GiveNew(int input, Tensor value) => Give(input, value, fresh: true);

    private void Give(int input, Tensor value, bool fresh)
    {
        ref var edge = ref edges[input];
        if (!edge.Exists) return;
        if (value.Shape != edge.Shape) (value, fresh) = (Broadcasting.SumTo(value, edge.Shape), true);
        if (TryAdopt(ref edge, value, fresh)) return;
        var node = value.Node;
        var target = Target(input, out bool accumulate);
        if (!accumulate) TensorMemory.CopyTo(node, target);
        else if (node.Contiguous) Elementwise.Add(target, value.Span, target);
        else Elementwise.Add(target, value.Contiguous().Span, target);
    }

    /// <summary>Whether memory given to an input would become its gradient as it is, instead of being added or copied to another place.</summary>
    protected bool TakesMemory(int input) => edges[input].Rule is { gradient: null, hooks: null };

    /// <summary>
    /// Memory of the gradient's size that the rule may write to: the gradient's own where nothing else will read it, else a new tensor's. A rule whose gradient is an element-wise function of the one
    /// flowing in needs no other memory.
    /// </summary>
    protected Tensor Scratch(Tensor gradient)
    {
        bool own = this.gradient is { } node && hooks == null && !gradientGiven && node.Storage == gradient.Node.Storage;
        return own ? gradient : TensorMemory.Empty(gradient.Shape);
    }

    /// <summary>Passes what was computed into <see cref="Scratch"/> on to an input.</summary>
    protected void Pass(int input, Tensor value, Tensor gradient) => Give(input, value, fresh: value.Node != gradient.Node);

    /// <summary>The tensor that <see cref="Target"/> is the memory of.</summary>
    internal TensorNode TargetNode(int input, out bool accumulate)
    {
        ref var edge = ref edges[input];
        if (edge.Rule != null) return edge.Rule.OwnGradient(out accumulate);
        return LeafGradient.Target(edge.Leaf!, out accumulate);
    }

    /// <summary>Adds a gradient to where an edge leads.</summary>
    internal static void AddTo(in Edge edge, Tensor value)
    {
        bool accumulate = false;
        var node = edge.Rule != null ? edge.Rule.OwnGradient(out accumulate) : LeafGradient.Target(edge.Leaf!, out accumulate);
        var target = TensorMemory.Floats(node);
        if (accumulate) Elementwise.Add(target, value.Contiguous().Span, target);
        else value.CopyTo(target);
    }

    internal void Start(Tensor output)
    {
        OutputShape = output.Shape;
        Sequence = ++Engine.Sequence;
        Released = false;
        var node = output.Node;
        node.GradFn = this;
        node.RequiresGrad = true;
        node.HistoryVersion = node.Storage.Version;
    }

    internal void AddEdge(Tensor input)
    {
        if (edgeCount == edges.Length) Array.Resize(ref edges, edges.Length * 2);
        edges[edgeCount++] = new Edge(input);
    }

    internal override void AddHook(Func<Tensor, Tensor> hook) => (hooks ??= []).Add(hook);

    internal override void RetainGrad(TensorNode output) => retained = output;

    /// <summary>Runs hooks and the rule on the gradient that has come together, then gives its memory back.</summary>
    internal void Run(bool retainGraph)
    {
        var node = gradient!;
        var value = new Tensor(node);
        if (hooks != null)
            foreach (var hook in hooks) value = Hooked.Apply(hook, value, OutputShape, Name);
        if (retained != null) LeafGradient.Add(retained, value);
        using (GradMode.NoGrad()) Backward(value);
        gradient = null;
        if (!gradientGiven && hooks == null) StepArena.Current?.Return(node.Storage);
        gradientGiven = false;
        if (retainGraph) return;
        Released = true;
        Forget();
    }

    /// <summary>Takes over a gradient's memory, or copies it when it cannot be taken.</summary>
    internal void Seed(Tensor value)
    {
        var own = OwnGradient(out _);
        value.CopyTo(TensorMemory.Floats(own));
    }

    /// <summary>Drops a gradient that nothing will consume: after an error in backward.</summary>
    internal void Abandon()
    {
        gradient = null;
        gradientGiven = false;
        Pending = 0;
    }

    internal override void Reset()
    {
        Forget();
        Array.Clear(edges, 0, edgeCount);
        edgeCount = 0;
        gradient = null;
        gradientGiven = false;
        hooks = null;
        retained = null;
    }

    private TensorNode OwnGradient(out bool accumulate)
    {
        accumulate = gradient != null;
        return gradient ??= TensorMemory.Empty(OutputShape).Node;
    }

    /// <summary>Passes memory on instead of copying it: of a fresh tensor, or of this rule's own gradient, once; what makes additions and reshapes free in backward.</summary>
    private bool TryAdopt(ref Edge edge, Tensor value, bool fresh)
    {
        var node = value.Node;
        if (edge.Rule == null || edge.Rule.gradient != null || edge.Rule.hooks != null || !node.Contiguous) return false;
        if (!fresh)
        {
            if (gradientGiven || hooks != null || gradient == null || node.Storage != gradient.Storage || node.Offset != gradient.Offset) return false;
            gradientGiven = true;
        }
        edge.Rule.gradient = node;
        return true;
    }
}
