using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>e^x/Σ e^x along one dimension.</summary>
        public Tensor Softmax(int dim)
        {
            var axes = Axes.Along(x, dim, "Softmax");
            var y = TensorMemory.Empty(axes.Output);
            Simd.Softmax.Forward(axes.Outer, axes.N, axes.Inner, axes.Source.Span, y.Span);
            if (Recorder.Record<SoftmaxRule>(y, axes.Source) is { } rule) (rule.Y, rule.Outer, rule.N, rule.Inner) = (y, axes.Outer, axes.N, axes.Inner);
            return y;
        }

        /// <summary>The logarithm of <c>Softmax</c>, without its overflow: x − ln Σ e^x along one dimension.</summary>
        public Tensor LogSoftmax(int dim)
        {
            var axes = Axes.Along(x, dim, "LogSoftmax");
            var y = TensorMemory.Empty(axes.Output);
            Simd.Softmax.LogForward(axes.Outer, axes.N, axes.Inner, axes.Source.Span, y.Span);
            if (Recorder.Record<SoftmaxRule>(y, axes.Source) is { } rule) (rule.Y, rule.Outer, rule.N, rule.Inner, rule.Log) = (y, axes.Outer, axes.N, axes.Inner, true);
            return y;
        }
    }

    private sealed class SoftmaxRule : Rule
    {
        public Saved Y;
        public int Outer;
        public int N;
        public int Inner;
        public bool Log;

        public override string Name => Log ? "LogSoftmax" : "Softmax";

        internal override (string Name, object Value)[] Settings => [("outer", Outer), ("n", N)];

        protected override void Backward(Tensor gradient)
        {
            var y = Y.Get(this);
            var target = Target(0, out bool accumulate);
            if (Log) Simd.Softmax.LogBackward(Outer, N, Inner, gradient.Span, y.Span, target, accumulate);
            else Simd.Softmax.Backward(Outer, N, Inner, gradient.Span, y.Span, target, accumulate);
        }

        protected override void Forget() => (Y, Log) = (default, false);
    }
}
