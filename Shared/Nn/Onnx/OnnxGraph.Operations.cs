using System.Collections.Immutable;
using DistTrain.Tensors;

namespace DistTrain.Nn.Onnx;

public sealed partial class OnnxGraph
{
    private const int Dynamic = OnnxValue.Dynamic;

    /// <summary>An element-wise function of the operator set, such as <c>Relu</c>, <c>Tanh</c>, <c>Sigmoid</c>, <c>Exp</c>, <c>Sqrt</c>.</summary>
    public OnnxValue Unary(string operation, OnnxValue x, params IReadOnlyList<(string Name, object Value)> attributes) => Node(operation, [x], x.Shape, attributes);

    /// <summary>max(0, x).</summary>
    public OnnxValue Relu(OnnxValue x) => Unary("Relu", x);

    /// <summary>a + b, broadcast.</summary>
    public OnnxValue Add(OnnxValue a, OnnxValue b) => Node("Add", [a, b], Broadcast(a, b));

    /// <summary>a − b, broadcast.</summary>
    public OnnxValue Sub(OnnxValue a, OnnxValue b) => Node("Sub", [a, b], Broadcast(a, b));

    /// <summary>a·b, broadcast.</summary>
    public OnnxValue Mul(OnnxValue a, OnnxValue b) => Node("Mul", [a, b], Broadcast(a, b));

    /// <summary>a / b, broadcast.</summary>
    public OnnxValue Div(OnnxValue a, OnnxValue b) => Node("Div", [a, b], Broadcast(a, b));

    /// <summary>x·factor.</summary>
    public OnnxValue Scale(OnnxValue x, float factor) => factor == 1f ? x : Mul(x, Constant(factor));

    /// <summary>The product of matrices, as PyTorch's <c>matmul</c>.</summary>
    public OnnxValue MatMul(OnnxValue a, OnnxValue b)
    {
        var outer = a.Rank == 2 && b.Rank == 2 ? [] : Broadcast(a.Shape[..^2], b.Shape[..^2]);
        return Node("MatMul", [a, b], [.. outer, a[-2], b[-1]]);
    }

    /// <summary>x·Wᵀ + bias: weight <c>[out, in]</c>, bias <c>[out]</c> or none.</summary>
    public OnnxValue Linear(OnnxValue x, OnnxValue weight, OnnxValue? bias)
    {
        if (x.Rank == 2) return Node("Gemm", [x, weight, bias], [x[0], weight[0]], [("transB", 1L)]);
        var product = Node("MatMul", [x, Permute(weight, 1, 0)], [.. x.Shape[..^1], weight[0]]);
        return bias is null ? product : Add(product, bias);
    }

    /// <summary>The dimensions in another order.</summary>
    public OnnxValue Permute(OnnxValue x, params ImmutableArray<int> order) => Node("Transpose", [x], [.. order.Select(dim => x[dim])], [("perm", order.Select(dim => (long)dim).ToArray())]);

    /// <summary>The same elements in another shape: 0 keeps a size, −1 is what is left (ONNX's <c>Reshape</c>).</summary>
    /// <param name="x">What is reshaped.</param>
    /// <param name="sizes">The new sizes.</param>
    /// <exception cref="UserErrorException">A 0 stands where <paramref name="x"/> has no dimension.</exception>
    public OnnxValue Reshape(OnnxValue x, params ImmutableArray<int> sizes)
    {
        int[] shape = new int[sizes.Length];
        for (int i = 0; i < shape.Length; i++) shape[i] = sizes[i] != 0 ? sizes[i] : i < x.Rank ? x[i] : throw Error($"a reshape of {x} keeps dimension {i}, which is not there");
        int rest = sizes.IndexOf(-1);
        if (rest >= 0)
        {
            // What is kept cancels out, known or not.
            long from = 1, to = 1;
            bool known = true;
            for (int i = 0; i < x.Rank; i++)
                if (i >= sizes.Length || sizes[i] != 0) known &= x[i] != Dynamic && (from *= x[i]) >= 0;
            for (int i = 0; i < shape.Length; i++)
                if (i != rest && sizes[i] != 0) to *= shape[i];
            shape[rest] = known && to > 0 && from % to == 0 ? (int)(from / to) : Dynamic;
        }
        return Node("Reshape", [x, Constant([.. sizes.Select(size => (long)size)])], [.. shape]);
    }

    /// <summary>Puts dimensions <paramref name="start"/> to <paramref name="end"/> into one.</summary>
    public OnnxValue Flatten(OnnxValue x, int start, int end)
    {
        if (start < 0) start += x.Rank;
        if (end < 0) end += x.Rank;
        if (start == end) return x;
        var merged = x.Shape[start..(end + 1)];
        int size = merged.Contains(Dynamic) ? Dynamic : merged.Aggregate(1, (product, next) => checked(product * next));
        ImmutableArray<int> shape = [.. x.Shape[..start], size, .. x.Shape[(end + 1)..]];
        if (start == 1 && end == x.Rank - 1) return Node("Flatten", [x], shape, [("axis", 1L)]);
        var sizes = ShapeOf(x);
        var parts = new List<OnnxValue>();
        if (start > 0) parts.Add(Slice(sizes, 0, start, 0));
        parts.Add(Constant(-1L));
        if (end + 1 < x.Rank) parts.Add(Slice(sizes, end + 1, x.Rank, 0));
        return Node("Reshape", [x, Concat(parts, 0)], shape);
    }

    /// <summary>The sizes of a tensor while the graph runs, <c>[rank]</c>.</summary>
    public OnnxValue ShapeOf(OnnxValue x) => Node("Shape", [x], [x.Rank], null, DType.Int64);

    /// <summary>x in the shape of another tensor with as many elements.</summary>
    public OnnxValue ReshapeAs(OnnxValue x, OnnxValue other) => Node("Reshape", [x, ShapeOf(other)], other.Shape);

    /// <summary>Elements <paramref name="start"/> to <paramref name="end"/> (not included) of a dimension.</summary>
    public OnnxValue Slice(OnnxValue x, int start, int end, int dim) => Slice(x, Constant((long)start), Constant((long)end), dim, end - start);

    /// <summary>The first elements of a dimension, as many as a tensor <c>[1]</c> says.</summary>
    public OnnxValue Narrow(OnnxValue x, OnnxValue length, int dim) => Slice(x, Constant(0L), length, dim, Dynamic);

    /// <summary>Tensors one behind the other along a dimension.</summary>
    public OnnxValue Concat(IReadOnlyList<OnnxValue> parts, int dim)
    {
        int size = parts.Any(part => part[dim] == Dynamic) ? Dynamic : parts.Sum(part => part[dim]);
        return Node("Concat", parts, parts[0].Shape.SetItem(dim < 0 ? dim + parts[0].Rank : dim, size), [("axis", (long)dim)]);
    }

    /// <summary>Rows of a table by their numbers: table <c>[N, *]</c>, numbers of any shape.</summary>
    public OnnxValue Gather(OnnxValue table, OnnxValue numbers) => Node("Gather", [table, numbers], [.. numbers.Shape, .. table.Shape[1..]]);

    /// <summary>The mean over dimensions, which stay with size 1.</summary>
    public OnnxValue Mean(OnnxValue x, params ImmutableArray<int> dims) =>
        Node("ReduceMean", [x], [.. x.Shape.Select((size, i) => dims.Contains(i) ? 1 : size)], [("axes", dims.Select(dim => (long)dim).ToArray()), ("keepdims", 1L)]);

    /// <summary>eˣ divided by its sum along a dimension.</summary>
    public OnnxValue Softmax(OnnxValue x, int dim) => Unary("Softmax", x, ("axis", (long)dim));

    /// <summary>softplus(x) = ln(1 + eˣ).</summary>
    public OnnxValue Softplus(OnnxValue x) => Unary("Softplus", x);

    /// <summary>x·Φ(x) by the error function.</summary>
    public OnnxValue Gelu(OnnxValue x)
    {
        var erf = Unary("Erf", Scale(x, (float)(1 / Math.Sqrt(2))));
        return Mul(Scale(x, 0.5f), Add(erf, Constant(1f)));
    }

    /// <summary>Self-attention on one projection for q, k and v, as <c>Tensor.SelfAttention</c>: <c>[N, T, 3·H·D]</c> to <c>[N, T, H·D]</c>.</summary>
    /// <param name="projected">The projection.</param>
    /// <param name="heads">H.</param>
    /// <param name="isCausal">Whether row t attends to rows 0 to t only.</param>
    /// <param name="scale">A factor on the scores; 1/√D if null.</param>
    public OnnxValue SelfAttention(OnnxValue projected, int heads, bool isCausal, float? scale = null)
    {
        int batch = projected[0], time = projected[1], width = projected[2] / 3, size = width / heads;
        var parts = Permute(Reshape(projected, 0, 0, 3, heads, size), 2, 0, 3, 1, 4);
        OnnxValue Part(long index) => Node("Gather", [parts, Index(index)], [batch, heads, time, size], [("axis", 0L)]);
        var mixed = Attention(Part(0), Part(1), Part(2), isCausal, scale ?? (float)(1 / Math.Sqrt(size)));
        return Reshape(Permute(mixed, 0, 2, 1, 3), 0, 0, width);
    }

    /// <summary>softmax(q·kᵀ·scale)·v: q <c>[*, T, D]</c>, k and v <c>[*, S, D]</c>.</summary>
    internal OnnxValue Attention(OnnxValue q, OnnxValue k, OnnxValue v, bool isCausal, float scale)
    {
        var scores = Scale(MatMul(q, Permute(k, [.. Enumerable.Range(0, k.Rank - 2), k.Rank - 1, k.Rank - 2])), scale);
        if (isCausal) scores = Add(scores, Above(scores));
        return MatMul(Softmax(scores, -1), v);
    }

    /// <summary>−∞ above the diagonal of the last two dimensions, 0 elsewhere.</summary>
    private OnnxValue Above(OnnxValue scores)
    {
        var square = Slice(ShapeOf(scores), scores.Rank - 2, scores.Rank, 0);
        var filled = Node("ConstantOfShape", [square], [scores[-2], scores[-1]], [("value", Tensor.From([float.NegativeInfinity], new Shape(1)))], DType.Float32);
        return Node("Trilu", [filled, Index(1)], filled.Shape, [("upper", 1L)]);
    }

    /// <summary>An index: a scalar.</summary>
    internal OnnxValue Index(long value) => Constant(DType.Int64, System.Runtime.InteropServices.MemoryMarshal.AsBytes<long>([value]), []);

    private OnnxValue Slice(OnnxValue x, OnnxValue start, OnnxValue end, int dim, int size) =>
        Node("Slice", [x, start, end, Constant((long)dim)], x.Shape.SetItem(dim < 0 ? dim + x.Rank : dim, size));

    private ImmutableArray<int> Broadcast(OnnxValue a, OnnxValue b) => Broadcast(a.Shape, b.Shape);

    private ImmutableArray<int> Broadcast(ImmutableArray<int> a, ImmutableArray<int> b)
    {
        int[] shape = new int[Math.Max(a.Length, b.Length)];
        for (int i = 1; i <= shape.Length; i++)
        {
            int left = i <= a.Length ? a[^i] : 1, right = i <= b.Length ? b[^i] : 1;
            if (left != right && left > 1 && right > 1) throw Error($"shapes [{string.Join(", ", a)}] and [{string.Join(", ", b)}] do not broadcast");
            shape[^i] = left == 1 ? right : left == Dynamic && right > 1 ? right : left;
        }
        return [.. shape];
    }
}
