using System.Numerics;

namespace DistTrain.Tensors;

/// <summary>
/// Lends the tensors, graph nodes and memory of one step and takes them all back at its end, so that a step in steady state allocates nothing. One arena serves
/// one thread. Inside <see cref="BeginStep"/> every new tensor comes from it; without one, the garbage collector owns them.
/// </summary>
public sealed partial class StepArena
{
    [ThreadStatic]
    private static StepArena? current;

    private readonly List<TensorNode> nodes = [];
    private readonly List<Storage> storages = [];
    private readonly Dictionary<int, Stack<Storage>> free = [];
    private readonly List<NodePool?> gradNodes = [];
    private readonly List<TensorNode> adopted = [];
    private readonly List<Storage> journal = [];
    private readonly List<int> poolMarks = [];
    private int nodesUsed;
    private bool open;

    /// <summary>The arena of the step that runs on this thread; null outside of a step.</summary>
    internal static StepArena? Current => current;

    /// <summary>Bytes of memory held by the arena, lent or free: it keeps as much of each size as was ever lent at once.</summary>
    public long Bytes { get; private set; }

    /// <summary>Starts a step on this thread; disposing the result ends it.</summary>
    /// <exception cref="InvalidOperationException">A step already runs on this thread.</exception>
    public Step BeginStep()
    {
        if (current != null) throw new InvalidOperationException("a step already runs on this thread: end it before beginning another");
        current = this;
        open = true;
        return new Step(this);
    }

    internal TensorNode RentNode()
    {
        if (nodesUsed == nodes.Count) nodes.Add(new TensorNode { Arena = this });
        return nodes[nodesUsed++];
    }

    internal Storage RentStorage(DType type, int length)
    {
        int capacity = SizeClass(length), key = capacity * 3 + (int)type;
        if (!free.TryGetValue(key, out var stack)) free[key] = stack = new Stack<Storage>();
        if (!stack.TryPop(out var storage))
        {
            storage = Storage.AllocateAligned(type, capacity);
            storages.Add(storage);
            Bytes += (long)capacity * (type switch { DType.Float32 => sizeof(float), DType.Int64 => sizeof(long), _ => sizeof(bool) });
        }
        storage.Lent = true;
        journal.Add(storage);
        return storage;
    }

    /// <summary>Remembers the present state, so that what is taken from here on can be given back before the step ends. Marks are released in reverse order.</summary>
    internal Mark TakeMark()
    {
        NoteMark();
        foreach (var pool in gradNodes) poolMarks.Add(pool?.Used ?? 0);
        return new Mark(nodesUsed, journal.Count, adopted.Count, gradNodes.Count);
    }

    /// <summary>Takes back all tensors, graph nodes and memory lent since a mark; their handles throw from now on. The memory <paramref name="keep"/> stays lent.</summary>
    /// <returns>Whether that memory was lent since the mark.</returns>
    internal bool Release(Mark mark, Storage? keep = null)
    {
        NoteRelease();
        EndNodes(mark.Nodes);
        CutAdopted(mark.Adopted);
        for (int i = mark.Journal; i < journal.Count; i++)
            if (journal[i] != keep) Return(journal[i]);
        bool kept = keep is { Lent: true } && journal.IndexOf(keep, mark.Journal) >= 0;
        journal.RemoveRange(mark.Journal, journal.Count - mark.Journal);
        if (kept) journal.Add(keep!);
        int first = poolMarks.Count - mark.Pools;
        for (int i = 0; i < gradNodes.Count; i++) gradNodes[i]?.ResetTo(i < mark.Pools ? poolMarks[first + i] : 0);
        poolMarks.RemoveRange(first, mark.Pools);
        return kept;
    }

    /// <summary>Takes memory back before the step's end: for gradients that have flowed on.</summary>
    internal void Return(Storage storage)
    {
        if (!storage.Lent) return;
        storage.Lent = false;
        storage.Version++;
        free[storage.Capacity * 3 + (int)storage.Type].Push(storage);
    }

    internal T RentGradNode<T>() where T : GradNode, new()
    {
        int kind = NodeKind<T>.Index;
        while (gradNodes.Count <= kind) gradNodes.Add(null);
        var pool = (NodePool<T>)(gradNodes[kind] ??= new NodePool<T>());
        return pool.Rent();
    }

    /// <summary>Cuts a tensor that outlives the step from the step's graph when the step ends.</summary>
    internal void Adopt(TensorNode persistent) => adopted.Add(persistent);

    private void End()
    {
        if (!open) return;
        open = false;
        current = null;
        CountTensorsOut();
        EndNodes(0);
        CutAdopted(0);
        foreach (var storage in storages) Return(storage);
        CountMemoryOut();
        journal.Clear();
        poolMarks.Clear();
        foreach (var pool in gradNodes) pool?.ResetTo(0);
    }

    private void EndNodes(int from)
    {
        for (int i = from; i < nodesUsed; i++)
        {
            nodes[i].Generation++;
            nodes[i].Reset();
        }
        nodesUsed = from;
    }

    private void CutAdopted(int from)
    {
        for (int i = from; i < adopted.Count; i++) (adopted[i].GradFn, adopted[i].RequiresGrad) = (null, false);
        adopted.RemoveRange(from, adopted.Count - from);
    }

    /// <summary>Rounds up to four sizes per doubling, so that batches of slightly different size share memory.</summary>
    private static int SizeClass(int length)
    {
        if (length <= 64) return 64;
        int unit = 1 << (BitOperations.Log2((uint)(length - 1)) - 2);
        return checked(length + unit - 1) / unit * unit;
    }

    /// <summary>A running step; disposing it ends the step and with it all tensors made in it.</summary>
    public readonly struct Step(StepArena arena) : IDisposable
    {
        /// <summary>Ends the step.</summary>
        public void Dispose() => arena.End();
    }

    /// <summary>How much was lent at some time of a step.</summary>
    internal readonly record struct Mark(int Nodes, int Journal, int Adopted, int Pools);

    private abstract class NodePool
    {
        public abstract int Used { get; }

        public abstract void ResetTo(int count);
    }

    private sealed class NodePool<T> : NodePool where T : GradNode, new()
    {
        private readonly List<T> items = [];
        private int used;

        public override int Used => used;

        public T Rent()
        {
            if (used == items.Count) items.Add(new T());
            return items[used++];
        }

        public override void ResetTo(int count)
        {
            for (int i = count; i < used; i++) items[i].Reset();
            used = count;
        }
    }

    private static class NodeKinds
    {
        public static int Count;
    }

    private static class NodeKind<T>
    {
        public static readonly int Index = Interlocked.Increment(ref NodeKinds.Count) - 1;
    }
}
