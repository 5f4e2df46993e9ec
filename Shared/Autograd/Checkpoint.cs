using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>
/// Gradient checkpointing: memory for time. What a function computes in between is forgotten after forward and computed again in backward, with the same random numbers; only its input and output stay. See
/// https://arxiv.org/abs/1604.06174.
/// </summary>
public static class Checkpoint
{
    /// <summary>
    /// Whether a checkpointed function is being called again in backward, on this thread. What a forward does besides computing (counting calls, observing running statistics) is not to be done then: it was
    /// done the first time.
    /// </summary>
    public static bool IsRecomputing => Recomputation.IsRepeating;

    /// <summary>Computes <paramref name="function"/> of <paramref name="input"/> without keeping what lies between. Gradients are those of calling it, bit for bit.</summary>
    /// <param name="function">
    /// What to compute. It is called again in backward and must do the same then; it may read parameters and other tensors from outside. Tensors made in it end with it: it must not store them.
    /// </param>
    /// <param name="input">Its argument.</param>
    /// <returns>Its result.</returns>
    public static Tensor Run(Func<Tensor, Tensor> function, Tensor input)
    {
        ArgumentNullException.ThrowIfNull(function);
        if (!GradMode.IsEnabled) return function(input);
        var arena = StepArena.Current;
        var rule = Recorder.New<CheckpointRule>();
        var mark = arena?.TakeMark() ?? default;
        var output = rule.Forward(function, input);
        if (arena != null) output = Kept(arena, mark, output);
        rule.Record(output);
        return output;
    }

    /// <summary>Gives back everything that was made since the mark but the output's memory.</summary>
    private static Tensor Kept(StepArena arena, StepArena.Mark mark, Tensor output)
    {
        var n = output.Node;
        var (storage, shape, strides, offset) = (n.Storage, n.Shape, n.Strides, n.Offset);
        bool isNew = arena.Release(mark, storage);
        return TensorMemory.Show(arena, storage, shape, strides, offset, isView: !isNew);
    }

    private sealed class CheckpointRule : Rule
    {
        private readonly Recomputation recomputation = new();
        private Func<Tensor, Tensor>? function;
        private Saved input;

        public override string Name => "Checkpoint";

        public Tensor Forward(Func<Tensor, Tensor> function, Tensor input)
        {
            (this.function, this.input) = (function, input);
            recomputation.Clear();
            if (input.RequiresGrad) recomputation.Add(input);
            recomputation.Begin(again: false);
            try
            {
                using (GradMode.NoGrad()) return function(input).Detach();
            }
            finally
            {
                recomputation.End();
            }
        }

        /// <summary>The inputs are what the function was seen to read.</summary>
        public void Record(Tensor output)
        {
            if (recomputation.Tensors.Length == 0) return;
            foreach (var tensor in recomputation.Tensors) AddEdge(tensor);
            Start(output);
        }

        protected override void Backward(Tensor gradient)
        {
            recomputation.Check(this);
            // Gradients of what lies outside outlive the repetition, so their memory is taken before it.
            for (int i = 0; i < Inputs; i++)
            {
                var target = Target(i, out bool accumulate);
                if (!accumulate) target.Clear();
            }
            var arena = StepArena.Current;
            var mark = arena?.TakeMark() ?? default;
            long before = Engine.Sequence;
            recomputation.Begin(again: true);
            try
            {
                Tensor output;
                using (GradMode.EnableGrad()) output = function!(input.Get(this));
                Engine.BackwardInside(output, gradient, before);
            }
            finally
            {
                recomputation.End();
            }
            arena?.Release(mark);
        }

        protected override void Forget()
        {
            (function, input) = (null, default);
            recomputation.Clear();
        }
    }
}
