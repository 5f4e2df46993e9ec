using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    /// <summary>Applies an element-wise function of two tensors with broadcasting and records it.</summary>
    private static Tensor Apply<TOperator>(Tensor a, Tensor b) where TOperator : IDifferentiableOperator
    {
        var y = Broadcasting.Apply<TOperator>(a, b);
        if (Recorder.Record<BinaryRule<TOperator>>(y, a, b) is { } rule) (rule.A, rule.B) = (a, b);
        return y;
    }

    private sealed class BinaryRule<TOperator> : Rule where TOperator : IDifferentiableOperator
    {
        public Saved A;
        public Saved B;

        public override string Name => RuleName.Of(typeof(TOperator));

        protected override void Backward(Tensor gradient)
        {
            var a = Broadcasting.Expanded(A.Get(this), OutputShape);
            var b = Broadcasting.Expanded(B.Get(this), OutputShape);
            for (int input = 0; input < 2; input++)
            {
                if (!Needs(input)) continue;
                if (InputShape(input) == OutputShape)
                {
                    var target = Target(input, out bool accumulate);
                    Flow(input, gradient, a, b, target, accumulate);
                    continue;
                }
                var whole = TensorMemory.Empty(OutputShape);
                Flow(input, gradient, a, b, whole.Span, accumulate: false);
                GiveNew(input, whole);
            }
        }

        protected override void Forget() => A = B = default;

        private static void Flow(int input, Tensor gradient, Tensor a, Tensor b, Span<float> target, bool accumulate)
        {
            if (input == 0) TOperator.BackwardFirst(gradient.Span, a.Span, b.Span, target, accumulate);
            else TOperator.BackwardSecond(gradient.Span, a.Span, b.Span, target, accumulate);
        }
    }
}
