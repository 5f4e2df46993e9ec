using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>
/// Walks the graph backwards. First it counts, from the root, how many contributions each operation and leaf will get; then it runs operations whose gradient is complete, the
/// latest recorded first. Both walks are loops over explicit stacks, so depth costs no stack, and their order depends on the graph alone.
/// </summary>
internal sealed class Engine
{
    [ThreadStatic]
    private static Engine? instance;

    [ThreadStatic]
    private static long sequence;

    /// <summary>Numbers the walks of all threads, so that a leaf used by two of them is never taken for visited.</summary>
    private static long marks;

    private readonly PriorityQueue<Rule, long> ready = new();
    private readonly Stack<Rule> stack = new();
    private readonly List<Rule> visited = [];
    private readonly List<TensorNode> leaves = [];
    private Engine? inner;
    private long mark;
    private long boundary;
    private bool running;

    private static Engine Current => instance ??= new Engine();

    /// <summary>The number of operations recorded on this thread.</summary>
    public static ref long Sequence => ref sequence;

    /// <summary>Told when the gradient of a leaf that has a parameter index is complete.</summary>
    [field: ThreadStatic]
    public static IParameterListener? Listener { get; set; }

    public static void Backward(Tensor root, Tensor? gradient, bool retainGraph)
    {
        var node = root.Node;
        if (!node.RequiresGrad)
            throw new InvalidOperationException($"Backward: the tensor of shape {node.Shape} requires no gradient and no operation that made it does: set RequiresGrad on a leaf, and call it outside of NoGrad and before Detach()");
        if (gradient is { } given && given.Shape != node.Shape)
            throw new ArgumentException($"Backward: the gradient has shape {given.Shape}, the tensor {node.Shape}: expected the same");
        if (gradient == null && node.Shape.Numel != 1)
            throw new InvalidOperationException($"Backward: the tensor has shape {node.Shape}; without a gradient it must have one element: reduce it with Sum() or Mean(), or pass the gradient");
        var engine = Current;
        if (engine.running) throw new InvalidOperationException("Backward: called from inside of a backward");
        engine.running = true;
        try
        {
            engine.Run(node, gradient, retainGraph);
        }
        catch
        {
            foreach (var rule in engine.visited) rule.Abandon();
            foreach (var leaf in engine.leaves) leaf.Flow = null;
            throw;
        }
        finally
        {
            engine.Clear();
        }
    }

    /// <summary>
    /// A walk inside of a running one, over what was recorded after operation number <paramref name="after"/>: gradients of older operations and of leaves are added to where the outer walk, which waits for
    /// them, will find them.
    /// </summary>
    public static void BackwardInside(Tensor root, Tensor gradient, long after)
    {
        var engine = Current;
        while (engine.running) engine = engine.inner ??= new Engine();
        engine.running = true;
        engine.boundary = after;
        try
        {
            using var _ = GradMode.NoGrad();
            var node = root.Node;
            if (!node.RequiresGrad) return;
            if (node.GradFn is Rule first && first.Sequence > after) engine.Walk(first, gradient.Contiguous(), retainGraph: false);
            else Rule.AddTo(new Edge(root), gradient);
        }
        finally
        {
            engine.boundary = 0;
            engine.Clear();
        }
    }

    private void Run(TensorNode root, Tensor? gradient, bool retainGraph)
    {
        using var _ = GradMode.NoGrad();
        var seed = gradient?.Contiguous() ?? Tensor.Ones(root.Shape);
        if (root.GradFn is not Rule first)
        {
            SeedLeaf(root, seed);
            return;
        }
        Walk(first, seed, retainGraph);
    }

    private void Walk(Rule first, Tensor seed, bool retainGraph)
    {
        mark = Interlocked.Increment(ref marks);
        Count(first);
        first.Seed(seed);
        ready.Enqueue(first, -first.Sequence);
        while (ready.TryDequeue(out var rule, out var _))
        {
            // A rule that got no contribution passes none on, but its inputs must not wait for it.
            if (rule.HasGradient) rule.Run(retainGraph);
            foreach (ref readonly var edge in rule.Edges) Arrived(edge);
        }
    }

    private void Count(Rule first)
    {
        first.Mark = mark;
        first.Pending = 0;
        stack.Push(first);
        while (stack.TryPop(out var rule))
        {
            if (rule.Released)
                throw new InvalidOperationException($"Backward: the graph of {rule.Name} was already walked and its saved tensors are gone: call the first Backward with retainGraph: true, or run forward again");
            visited.Add(rule);
            foreach (ref readonly var edge in rule.Edges)
            {
                if (edge.Rule is { } next)
                {
                    if (next.Sequence <= boundary) continue;
                    if (next.Mark != mark)
                    {
                        next.Mark = mark;
                        next.Pending = 0;
                        stack.Push(next);
                    }
                    next.Pending++;
                }
                else if (edge.Leaf is { } leaf && boundary == 0)
                {
                    if (leaf.Mark != mark)
                    {
                        leaf.Mark = mark;
                        leaf.Pending = 0;
                        leaves.Add(leaf);
                    }
                    leaf.Pending++;
                }
            }
        }
    }

    private void Arrived(in Edge edge)
    {
        if (edge.Rule is { } next)
        {
            if (next.Sequence > boundary && --next.Pending == 0) ready.Enqueue(next, -next.Sequence);
        }
        else if (boundary == 0 && edge.Leaf is { } leaf && --leaf.Pending == 0)
        {
            LeafGradient.Complete(leaf);
            if (leaf.ParameterIndex >= 0) Listener?.GradientReady(leaf.ParameterIndex);
        }
    }

    private static void SeedLeaf(TensorNode leaf, Tensor seed)
    {
        var target = TensorMemory.Floats(LeafGradient.Target(leaf, out bool accumulate));
        if (accumulate) Simd.Elementwise.Add(target, seed.Span, target);
        else seed.Span.CopyTo(target);
        LeafGradient.Complete(leaf);
    }

    private void Clear()
    {
        ready.Clear();
        stack.Clear();
        visited.Clear();
        leaves.Clear();
        running = false;
    }
}
