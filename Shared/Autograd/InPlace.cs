using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

// In-place operations write into the memory of x and return x. Where gradients are recorded, x's history goes on through the operation. Whoever saved the old value for a backward finds the
// storage's version changed and says so.
public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>x += alpha·y in place; y broadcasts to x.</summary>
        /// <exception cref="InvalidOperationException">x is a leaf that requires a gradient, or a view, and gradients are recorded: work in <see cref="GradMode.NoGrad"/>, or out of place.</exception>
        /// <exception cref="ArgumentException">y does not broadcast to x's shape.</exception>
        public Tensor AddInPlace(Tensor y, float alpha = 1f)
        {
            if (alpha != 1f) y = y.Scale(alpha);
            BeginWrite<AddOperator>(x, y);
            Recorded(x, Recorder.Record<AddRule>(x, x, y));
            Write<AddOperator>(x, y);
            return x;
        }

        /// <summary>x −= y in place; y broadcasts to x.</summary>
        /// <inheritdoc cref="AddInPlace(Tensor, Tensor, float)"/>
        public Tensor SubInPlace(Tensor y)
        {
            BeginWrite<SubOperator>(x, y);
            Recorded(x, Recorder.Record<SubRule>(x, x, y));
            Write<SubOperator>(x, y);
            return x;
        }

        /// <summary>x ·= y in place; y broadcasts to x.</summary>
        /// <inheritdoc cref="AddInPlace(Tensor, Tensor, float)"/>
        public Tensor MulInPlace(Tensor y) => Rewrite<MulOperator>(x, y);

        /// <summary>x /= y in place; y broadcasts to x.</summary>
        /// <inheritdoc cref="AddInPlace(Tensor, Tensor, float)"/>
        public Tensor DivInPlace(Tensor y) => Rewrite<DivOperator>(x, y);

        /// <summary>x += value in place.</summary>
        /// <inheritdoc cref="AddInPlace(Tensor, Tensor, float)"/>
        public Tensor AddInPlace(float value)
        {
            var y = Tensor.Scalar(value);
            BeginWrite<AddOperator>(x, y);
            Recorded(x, Recorder.Record<AddScalarRule>(x, x));
            Write<AddOperator>(x, y);
            return x;
        }

        /// <summary>x ·= factor in place.</summary>
        /// <inheritdoc cref="AddInPlace(Tensor, Tensor, float)"/>
        public Tensor MulInPlace(float factor) => Rewrite(x, new ScaleFunction(factor));

        /// <summary>x = max(0, x) in place.</summary>
        /// <inheritdoc cref="AddInPlace(Tensor, Tensor, float)"/>
        public Tensor ReluInPlace() => Rewrite(x, default(ReluFunction));

        /// <summary>x held in [min, max], in place.</summary>
        /// <inheritdoc cref="AddInPlace(Tensor, Tensor, float)"/>
        public Tensor ClampInPlace(float min = float.NegativeInfinity, float max = float.PositiveInfinity) => Rewrite(x, new ClampFunction(min, max));

        /// <summary>Every element becomes zero.</summary>
        /// <inheritdoc cref="AddInPlace(Tensor, Tensor, float)"/>
        public Tensor ZeroInPlace() => x.FillInPlace(0f);

        /// <summary>Every element becomes <paramref name="value"/>. What x was before gets no gradient.</summary>
        /// <inheritdoc cref="AddInPlace(Tensor, Tensor, float)"/>
        public Tensor FillInPlace(float value)
        {
            Types.RequireFloat(x, "FillInPlace");
            BeginWrite(x, "FillInPlace");
            Recorded(x, Recorder.Record<CopyRule>(x, x));
            Store(x, Tensor.Full(x.Shape, value));
            return x;
        }

        /// <summary>Every element becomes that of <paramref name="source"/>, which broadcasts to x and has its type. What x was before gets no gradient.</summary>
        /// <inheritdoc cref="AddInPlace(Tensor, Tensor, float)"/>
        public Tensor CopyFrom(Tensor source)
        {
            if (x.Type != source.Type) throw new ArgumentException($"CopyFrom: the tensor holds {x.Type}, the source {source.Type}, expected the same");
            RequireInto(x, source, "CopyFrom");
            BeginWrite(x, "CopyFrom", source);
            if (x.Type == DType.Float32) Recorded(x, Recorder.Record<CopyRule>(x, x, source));
            Store(x, Broadcasting.Expanded(source, x.Shape));
            return x;
        }
    }

    private static void BeginWrite<TOperator>(Tensor x, Tensor y) where TOperator : IBinaryOperator
    {
        string operation = RuleName.Of(typeof(TOperator));
        Types.RequireFloat(x, operation);
        Types.RequireFloat(y, operation);
        RequireInto(x, y, operation);
        BeginWrite(x, operation, y);
    }

    /// <summary>Computes and stores; what is recorded is recorded before, while the inputs' histories are those of their values.</summary>
    private static void Write<TOperator>(Tensor x, Tensor y) where TOperator : IBinaryOperator
    {
        // Elements of y that lie elsewhere in x would be read after they were written.
        bool isSafe = !SharesMemory(x, y) || x.Node.Offset == y.Node.Offset;
        if (isSafe && x.IsContiguous && y.IsContiguous && x.Shape == y.Shape)
        {
            TOperator.Apply(x.Span, y.Span, x.Span);
            Changed(x);
            return;
        }
        Store(x, Broadcasting.Apply<TOperator>(x, y));
    }

    private static Tensor Rewrite<TOperator>(Tensor x, Tensor y) where TOperator : IDifferentiableOperator
    {
        BeginWrite<TOperator>(x, y);
        if (!(GradMode.IsEnabled && (x.RequiresGrad || y.RequiresGrad)))
        {
            Write<TOperator>(x, y);
            return x;
        }
        var before = CopyOf(x.Detach());
        var factor = SharesMemory(x, y) ? CopyOf(y.Detach()) : y;
        var rule = Recorder.Record<BinaryRule<TOperator>>(x, x, y)!;
        (rule.A, rule.B) = (before, factor);
        Recorded(x, rule);
        Write<TOperator>(x, y);
        return x;
    }

    private static Tensor Rewrite<TFunction>(Tensor x, TFunction function) where TFunction : struct, IFunction
    {
        string operation = RuleName.Of(typeof(TFunction));
        Types.RequireFloat(x, operation);
        BeginWrite(x, operation);
        bool recorded = GradMode.IsEnabled && x.RequiresGrad;
        var source = recorded && TFunction.Keeps == Keeps.Argument ? CopyOf(x.Detach()) : x.Detach().Contiguous();
        var result = TensorMemory.Empty(x.Shape);
        function.Forward(source.Span, result.Span);
        Store(x, result);
        if (!recorded) return x;
        var rule = Recorder.Record<FunctionRule<TFunction>>(x, x)!;
        rule.Function = function;
        if (TFunction.Keeps != Keeps.Nothing) rule.Saved = TFunction.Keeps == Keeps.Value ? result : source;
        Recorded(x, rule);
        return x;
    }

    /// <summary>Whether writing to one may change the other.</summary>
    private static bool SharesMemory(Tensor x, Tensor y) => x.Node.Storage == y.Node.Storage;

    private static void RequireInto(Tensor x, Tensor y, string operation)
    {
        if (x.Shape != y.Shape && Broadcasting.Common(x.Shape, y.Shape, operation) != x.Shape)
            throw new ArgumentException($"{operation} in place: shape {y.Shape} does not broadcast to {x.Shape}, the shape of the tensor that is written to");
    }

    /// <summary>Refuses writes that would make recorded gradients wrong.</summary>
    private static void BeginWrite(Tensor x, string operation, Tensor? source = null)
    {
        var n = x.Node;
        if (!GradMode.IsEnabled || !(n.RequiresGrad || source is { RequiresGrad: true })) return;
        if (n.RequiresGrad && n.GradFn == null)
            throw new InvalidOperationException($"{operation} in place: the tensor of shape {n.Shape} is a leaf that requires a gradient: change it in a NoGrad scope, or use the operation out of place");
        if (n.IsView)
            throw new InvalidOperationException($"{operation} in place: the tensor of shape {n.Shape} is a view, and the tensor it shows would not learn of the change in its gradients: Clone() it first, or work in a NoGrad scope");
    }

    /// <summary>Puts new values into the memory of a tensor, whatever its strides.</summary>
    private static void Store(Tensor x, Tensor values)
    {
        var n = x.Node;
        // Rows are written one after the other, and those of the same memory may lie across one another.
        if (SharesMemory(x, values)) values = CopyOf(values.Detach());
        switch (n.Storage.Type)
        {
            case DType.Float32: Strided.Scatter<float>(values.Contiguous().Span, n.Storage.Floats, n.Offset, n.Shape, n.Strides); break;
            case DType.Int64: Strided.Scatter<long>(values.Contiguous().LongSpan, n.Storage.Longs, n.Offset, n.Shape, n.Strides); break;
            default: Strided.Scatter<bool>(values.Contiguous().BoolSpan, n.Storage.Bools, n.Offset, n.Shape, n.Strides); break;
        }
        Changed(x);
    }

    private static void Changed(Tensor x)
    {
        var n = x.Node;
        bool current = n.HistoryVersion == n.Storage.Version;
        n.Storage.Version++;
        // In NoGrad the history stays as it is, as in PyTorch: the change is not to be seen by it.
        if (current) n.HistoryVersion = n.Storage.Version;
    }

    /// <summary>A tensor that outlives the step must not keep a history that belongs to it.</summary>
    private static void Recorded(Tensor x, Rule? rule)
    {
        if (rule != null && x.Node.Arena == null) StepArena.Current?.Adopt(x.Node);
    }

    /// <summary>A value written over another: the second input, if there is one, is where the value came from.</summary>
    private sealed class CopyRule : Rule
    {
        protected override void Backward(Tensor gradient)
        {
            if (Inputs == 2) Give(1, gradient);
        }

        protected override void Forget() { }
    }
}
