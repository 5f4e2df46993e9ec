using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    /// <summary>Applies an element-wise function and records it.</summary>
    private static Tensor Apply<TFunction>(Tensor x, TFunction function) where TFunction : struct, IFunction
    {
        if (x.Type != DType.Float32) Types.RequireFloat(x, RuleName.Of(typeof(TFunction)));
        var source = x.Contiguous();
        var y = TensorMemory.Empty(source.Shape);
        function.Forward(source.Span, y.Span);
        if (Recorder.Record<FunctionRule<TFunction>>(y, source) is { } rule)
        {
            rule.Function = function;
            if (TFunction.Keeps != Keeps.Nothing) rule.Saved = TFunction.Keeps == Keeps.Value ? y : source;
        }
        return y;
    }

    private sealed class FunctionRule<TFunction> : Rule where TFunction : struct, IFunction
    {
        public Saved Saved;
        public TFunction Function;

        public override string Name => RuleName.Of(typeof(TFunction));

        internal override (string Name, object Value)[] Settings => Function.Settings;

        protected override void Backward(Tensor gradient)
        {
            var saved = TFunction.Keeps == Keeps.Nothing ? default : Saved.Get(this).Span;
            if (TakesMemory(0))
            {
                // Computed in place and passed on.
                var own = Scratch(gradient);
                Function.Backward(gradient.Span, saved, own.Span, accumulate: false);
                Pass(0, own, gradient);
                return;
            }
            var target = Target(0, out bool accumulate);
            Function.Backward(gradient.Span, saved, target, accumulate);
        }

        protected override void Forget() => Saved = default;
    }
}
