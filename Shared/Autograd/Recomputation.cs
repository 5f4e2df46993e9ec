using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>
/// What a checkpointed function did in forward that its repetition in backward has to know: which tensors that require a gradient it read, and which random numbers it drew.
/// </summary>
internal sealed class Recomputation
{
    [ThreadStatic]
    private static Recomputation? current;

    private readonly List<Saved> inputs = [];
    private readonly List<Tensor> tensors = [];
    private readonly List<RandomKey> keys = [];
    private Recomputation? outer;
    private bool repeating;
    private int next;

    /// <summary>The tensors that the function read and that require a gradient, each once.</summary>
    public ReadOnlySpan<Tensor> Tensors => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(tensors);

    /// <summary>Whether a checkpointed function is being repeated on this thread.</summary>
    public static bool IsRepeating
    {
        get
        {
            for (var running = current; running != null; running = running.outer)
                if (running.repeating) return true;
            return false;
        }
    }

    /// <summary>Begins the first run or, with <paramref name="again"/>, the repetition; <see cref="End"/> ends it.</summary>
    public void Begin(bool again)
    {
        (outer, current) = (current, this);
        (repeating, next) = (again, 0);
    }

    public void End()
    {
        current = outer;
        outer = null;
    }

    /// <summary>Called for every input of every operation that is not recorded.</summary>
    public static void Note(Tensor input)
    {
        if (current is { repeating: false } running && input.Node.RequiresGrad) running.Add(input);
    }

    /// <summary>The key to draw with: the given one or, in a repetition, the one drawn with the first time.</summary>
    public static RandomKey Drawn(RandomKey key) => current?.Key(key) ?? key;

    /// <summary>Throws where an input was written to since.</summary>
    public void Check(GradNode rule)
    {
        foreach (var input in inputs) input.Get(rule);
    }

    public void Clear()
    {
        inputs.Clear();
        tensors.Clear();
        keys.Clear();
    }

    public void Add(Tensor input)
    {
        // The tensors are a module's parameters and its input: few.
        foreach (var known in tensors)
            if (known.Node == input.Node) return;
        tensors.Add(input);
        inputs.Add(input);
    }

    private RandomKey Key(RandomKey key)
    {
        if (repeating) return keys[next++];
        key = outer?.Key(key) ?? key;
        keys.Add(key);
        return key;
    }
}
