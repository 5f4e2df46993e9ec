using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Cross entropy of logits [rows, classes] with integer targets, log-softmax and negative log-likelihood in one pass, as
/// <see href="https://pytorch.org/docs/2.6/generated/torch.nn.CrossEntropyLoss.html">PyTorch's CrossEntropyLoss</see>. With smoothing ε and class weights w a
/// row's loss is (1 − ε)·w[t]·(−ln p[t]) + ε/C·Σ w[c]·(−ln p[c]); an ignored row's is 0.
/// </summary>
[SkipLocalsInit]
public static unsafe class CrossEntropy
{
    /// <summary>One loss for each row, and the row's ln Σ e^x, which the backward pass needs.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="classes">Classes, at least 1.</param>
    /// <param name="logits">[rows, classes].</param>
    /// <param name="targets">[rows], each in [0, classes) or <paramref name="ignoreIndex"/>.</param>
    /// <param name="classWeights">[classes], or empty for 1 each.</param>
    /// <param name="ignoreIndex">Rows with this target do not count.</param>
    /// <param name="labelSmoothing">ε in [0, 1].</param>
    /// <param name="losses">[rows] out.</param>
    /// <param name="logSumExp">[rows] out.</param>
    /// <returns>The denominator of the mean: the sum of the targets' weights over rows that count, in order, in double.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A target is neither a class nor the ignored index.</exception>
    public static double Forward(
        int rows, int classes, ReadOnlySpan<float> logits, ReadOnlySpan<long> targets, ReadOnlySpan<float> classWeights, long ignoreIndex, float labelSmoothing,
        Span<float> losses, Span<float> logSumExp)
    {
        Require(rows, classes, logits.Length, targets, classWeights.Length, ignoreIndex);
        Lanes.RequireLength("CrossEntropy", nameof(losses), losses.Length, rows);
        Lanes.RequireLength("CrossEntropy", nameof(logSumExp), logSumExp.Length, rows);
        double denominator = 0;
        fixed (float* px = logits, pw = classWeights, pn = logSumExp)
        {
            for (var first = 0; first < rows; first += Softmax.RowsAtOnce)
                Softmax.LogSumExpRows(px + (nint)first * classes, Math.Min(Softmax.RowsAtOnce, rows - first), classes, pn + first);
            var smooth = labelSmoothing > 0 ? WeightSum(pw, classes) : 0f;
            for (var row = 0; row < rows; row++)
            {
                var x = px + (nint)row * classes;
                var normalizer = pn[row];
                var target = targets[row];
                if (target == ignoreIndex)
                {
                    losses[row] = 0f;
                    continue;
                }
                var weight = pw == null ? 1f : pw[target];
                var loss = weight * (normalizer - x[target]);
                if (labelSmoothing > 0)
                    loss = (1f - labelSmoothing) * loss + labelSmoothing / classes * (smooth * normalizer - WeightedSum(x, pw, classes));
                losses[row] = loss;
                denominator += weight;
            }
        }
        return denominator;
    }

    /// <summary>dLogits = scale·d loss/d logits for each row, or added to dLogits: softmax times the row's weights, less the weighted targets.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="classes">Classes.</param>
    /// <param name="logits">[rows, classes], as in the forward pass.</param>
    /// <param name="targets">[rows].</param>
    /// <param name="classWeights">[classes], or empty for 1 each.</param>
    /// <param name="ignoreIndex">Rows with this target get a zero gradient.</param>
    /// <param name="labelSmoothing">ε in [0, 1].</param>
    /// <param name="logSumExp">[rows] from the forward pass.</param>
    /// <param name="scale">The gradient of every row's loss: for a mean the incoming gradient over the denominator.</param>
    /// <param name="rowScales">[rows], a further factor for each row (reduction "none"), or empty for 1 each.</param>
    /// <param name="dLogits">[rows, classes] out; may be <paramref name="logits"/> unless accumulating.</param>
    /// <param name="accumulate">Add to dLogits instead of overwriting it.</param>
    public static void Backward(
        int rows, int classes, ReadOnlySpan<float> logits, ReadOnlySpan<long> targets, ReadOnlySpan<float> classWeights, long ignoreIndex, float labelSmoothing,
        ReadOnlySpan<float> logSumExp, float scale, ReadOnlySpan<float> rowScales, Span<float> dLogits, bool accumulate = false)
    {
        Require(rows, classes, logits.Length, targets, classWeights.Length, ignoreIndex);
        Lanes.RequireLength("CrossEntropy", nameof(logSumExp), logSumExp.Length, rows);
        Lanes.RequireLength("CrossEntropy", nameof(dLogits), dLogits.Length, rows * classes);
        Lanes.RequireLength("CrossEntropy", nameof(rowScales), rowScales.Length, rowScales.IsEmpty ? 0 : rows);
        fixed (float* px = logits, pw = classWeights, pd = dLogits)
        {
            var weightSum = labelSmoothing > 0 ? WeightSum(pw, classes) : 0f;
            for (var row = 0; row < rows; row++)
            {
                var x = px + (nint)row * classes;
                var d = pd + (nint)row * classes;
                var target = targets[row];
                if (target == ignoreIndex)
                {
                    if (!accumulate)
                        new Span<float>(d, classes).Clear();
                    continue;
                }
                var factor = rowScales.IsEmpty ? scale : scale * rowScales[row];
                var weight = pw == null ? 1f : pw[target];
                var onTarget = (1f - labelSmoothing) * weight * factor;
                var onAll = labelSmoothing / classes * factor;
                var total = onTarget + onAll * weightSum;
                if (accumulate)
                    Row<Map.Accumulate>(x, d, pw, classes, logSumExp[row], total, onAll);
                else
                    Row<Map.Overwrite>(x, d, pw, classes, logSumExp[row], total, onAll);
                d[target] -= onTarget;
            }
        }
    }

    // d = total·softmax − onAll·w, the weights 1 where there are none.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row<TStore>(float* x, float* d, float* weights, int classes, float normalizer, float total, float onAll)
        where TStore : struct, Map.IStore
    {
        var shift = Vector512.Create(normalizer);
        var scale = Vector512.Create(total);
        var smooth = Vector512.Create(onAll);
        var c = 0;
        for (; c <= classes - Lanes.Count; c += Lanes.Count)
        {
            var gradient = scale * Formulas.Exp(Lanes.Load(x + c) - shift);
            if (onAll != 0)
                gradient -= weights == null ? smooth : smooth * Lanes.Load(weights + c);
            TStore.Store(gradient, d + c);
        }
        if (c < classes)
        {
            var n = classes - c;
            var gradient = scale * Formulas.Exp(Lanes.Load(x + c, n) - shift);
            if (onAll != 0)
                gradient -= weights == null ? smooth : smooth * Lanes.Load(weights + c, n);
            TStore.Store(gradient, d + c, n);
        }
    }

    private static float WeightSum(float* weights, int classes)
        => weights == null ? classes : Reduce.Sum(new Reduce.Identity(), weights, weights, classes);

    private static float WeightedSum(float* x, float* weights, int classes)
        => weights == null ? Reduce.Sum(new Reduce.Identity(), x, x, classes) : Reduce.Sum(new Reduce.Product(), x, weights, classes);

    private static void Require(int rows, int classes, int logits, ReadOnlySpan<long> targets, int weights, long ignoreIndex)
    {
        if (rows < 0 || classes < 1)
            throw new ArgumentException($"CrossEntropy: logits were [{rows}, {classes}], expected at least one class");
        Lanes.RequireLength("CrossEntropy", nameof(logits), logits, checked(rows * classes));
        Lanes.RequireLength("CrossEntropy", nameof(targets), targets.Length, rows);
        Lanes.RequireLength("CrossEntropy", "classWeights", weights, weights == 0 ? 0 : classes);
        for (var row = 0; row < rows; row++)
        {
            var target = targets[row];
            if ((ulong)target >= (ulong)classes && target != ignoreIndex)
                throw new ArgumentOutOfRangeException(nameof(targets), target, $"CrossEntropy: target {target} in row {row}, expected 0 to {classes - 1} or {ignoreIndex} to ignore it");
        }
    }
}
