using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace DistTrain.Tensors;

/// <summary>
/// A multi-dimensional array that can take part in automatic differentiation. A handle of two words: copying it copies no data. A tensor made inside a step
/// ends with that step; using it later throws. Operations on tensors are extension members in <c>DistTrain.Autograd</c>.
/// </summary>
public readonly partial struct Tensor
{
    private readonly TensorNode? node;
    private readonly int generation;

    internal Tensor(TensorNode node)
    {
        this.node = node;
        generation = node.Generation;
    }

    /// <summary>The node, after checking that it still belongs to this handle.</summary>
    internal TensorNode Node
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            var n = node;
            if (n == null || n.Generation != generation) Await(n, generation);
            return n!;
        }
    }

    /// <summary>The sizes of its dimensions.</summary>
    public Shape Shape => Node.Shape;

    /// <summary>The number of dimensions.</summary>
    public int Rank => Node.Shape.Rank;

    /// <summary>The number of elements.</summary>
    public int Numel => Node.Shape.Numel;

    /// <summary>The type of its elements.</summary>
    public DType Type => Node.Storage.Type;

    /// <summary>Whether its elements stand in memory in row-major order without gaps.</summary>
    public bool IsContiguous => Node.Contiguous;

    /// <summary>The size of one dimension; a negative number counts from the end.</summary>
    public int Size(int dim) => Node.Shape[dim];

    /// <summary>Whether it was made by the user (or by operations that recorded nothing), not by a recorded operation. Only leaves get a gradient in <see cref="Grad"/>.</summary>
    public bool IsLeaf => Node.GradFn == null;

    /// <summary>The operation that made it; null for leaves.</summary>
    public GradNode? GradFn => Node.GradFn;

    /// <summary>Whether gradients are to be computed for it.</summary>
    /// <exception cref="InvalidOperationException">Set on a tensor that a recorded operation made, or that does not hold floats.</exception>
    public bool RequiresGrad
    {
        get => Node.RequiresGrad;
        set
        {
            var n = Node;
            if (n.GradFn != null) throw new InvalidOperationException($"RequiresGrad can be set on leaves only; this tensor was made by {n.GradFn.Name}: use Detach() to get a leaf");
            if (value && n.Storage.Type != DType.Float32) throw new InvalidOperationException($"RequiresGrad: only Float32 tensors have gradients, this one is {n.Storage.Type}");
            n.RequiresGrad = value;
        }
    }

    /// <summary>Sets <see cref="RequiresGrad"/> and returns the same tensor.</summary>
    public Tensor RequiresGrad_(bool value = true)
    {
        var self = this;
        self.RequiresGrad = value;
        return self;
    }

    /// <summary>The accumulated gradient, of the same shape; null before the first <c>Backward()</c> and after <see cref="ZeroGrad"/>.</summary>
    public Tensor? Grad
    {
        get
        {
            var n = Node;
            if (!n.HasGrad) return null;
            n.GradHandedOut = true;
            return new Tensor(n.Grad!);
        }
    }

    /// <summary>Forgets the gradient: <see cref="Grad"/> is null until the next <c>Backward()</c>.</summary>
    public void ZeroGrad() => TensorMemory.ClearGrad(Node);

    /// <summary>Calls <paramref name="hook"/> with the complete gradient of this tensor in every <c>Backward()</c>; what it returns takes the gradient's place.</summary>
    /// <exception cref="InvalidOperationException">The tensor requires no gradient.</exception>
    public void RegisterHook(Func<Tensor, Tensor> hook)
    {
        ArgumentNullException.ThrowIfNull(hook);
        var n = Node;
        if (!n.RequiresGrad) throw new InvalidOperationException("RegisterHook: the tensor requires no gradient, so the hook would never run");
        if (n.GradFn != null) n.GradFn.AddHook(hook);
        else (n.Hooks ??= []).Add(hook);
    }

    /// <summary>Has <c>Backward()</c> keep the gradient of this tensor in <see cref="Grad"/> although an operation made it; a leaf's is kept anyway.</summary>
    /// <exception cref="InvalidOperationException">The tensor requires no gradient.</exception>
    public void RetainGrad()
    {
        var n = Node;
        if (!n.RequiresGrad) throw new InvalidOperationException("RetainGrad: the tensor requires no gradient, so there is none to keep");
        n.GradFn?.RetainGrad(n);
    }

    /// <summary>The value of a tensor of one element, as a float.</summary>
    /// <exception cref="InvalidOperationException">It has more or fewer elements.</exception>
    public float Item()
    {
        var n = Node;
        if (n.Shape.Numel != 1) throw new InvalidOperationException($"Item() takes a tensor of one element, this one has shape {n.Shape}");
        return n.Storage.Type switch
        {
            DType.Float32 => n.Storage.Floats[n.Offset],
            DType.Int64 => n.Storage.Longs[n.Offset],
            _ => n.Storage.Bools[n.Offset] ? 1f : 0f,
        };
    }

    /// <summary>The elements in row-major order.</summary>
    /// <exception cref="InvalidOperationException">The tensor does not hold floats.</exception>
    public float[] ToArray()
    {
        var result = new float[Numel];
        CopyTo(result);
        return result;
    }

    /// <summary>The elements of an Int64 tensor in row-major order.</summary>
    public long[] ToLongArray() => TensorMemory.ToArray<long>(Node);

    /// <summary>The elements of a Bool tensor in row-major order.</summary>
    public bool[] ToBoolArray() => TensorMemory.ToArray<bool>(Node);

    /// <summary>Copies the elements in row-major order.</summary>
    public void CopyTo(Span<float> destination) => TensorMemory.CopyTo(Node, destination);

    /// <summary>The elements of a contiguous Float32 tensor, in place. Writing to them is an in-place update that no backward is told of.</summary>
    /// <exception cref="InvalidOperationException">The tensor is not contiguous or holds another type.</exception>
    public Span<float> Span => TensorMemory.Floats(Node);

    /// <summary>The elements of a contiguous Int64 tensor, in place.</summary>
    public Span<long> LongSpan => TensorMemory.Longs(Node);

    /// <summary>The elements of a contiguous Bool tensor, in place.</summary>
    public Span<bool> BoolSpan => TensorMemory.Bools(Node);

    /// <summary>The same memory as a tensor that no gradient flows through.</summary>
    public Tensor Detach()
    {
        var n = Node;
        return TensorMemory.View(n, n.Shape, n.Strides, n.Offset);
    }

    /// <summary>Type, shape and, of small tensors, the elements.</summary>
    public override string ToString()
    {
        if (node == null) return "Tensor(undefined)";
        var text = new StringBuilder("Tensor(").Append(Shape);
        if (Type == DType.Float32 && Numel <= 16) text.Append(" {").AppendJoin(", ", ToArray().Select(v => v.ToString("G6", CultureInfo.InvariantCulture))).Append('}');
        if (Type != DType.Float32) text.Append(", ").Append(Type);
        if (GradFn != null) text.Append(", GradFn=").Append(GradFn.Name);
        else if (RequiresGrad) text.Append(", RequiresGrad");
        return text.Append(')').ToString();
    }

    /// <summary>Waits for a parameter whose floats are still on their way; for anything else the handle's step has ended.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Await(TensorNode? node, int generation)
    {
        if (node?.Arrival is not { } arrival || node.Generation != ~generation)
        {
            ThrowNotAlive(node);
            return;
        }
        arrival.Wait(node);
        node.Arrived();
    }

    [DoesNotReturn]
    private static void ThrowNotAlive(TensorNode? node) => throw new InvalidOperationException(node == null
        ? "the tensor is undefined (default): make one with Tensor.Zeros, Tensor.From, ..."
        : "the tensor belongs to a step that has ended: keep a value with Item(), a tensor with Clone(), before the step ends");
}
