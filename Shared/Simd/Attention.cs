using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Scaled dot-product attention, softmax(scale·q·kᵀ)·v for each head (<see href="https://arxiv.org/abs/1706.03762">Vaswani et al. 2017</see>). Scores exist only for a
/// block of 64 queries at a time and are computed again in the backward pass, so that no [T, T] matrix goes to memory
/// (<see href="https://arxiv.org/abs/2205.14135">Dao et al. 2022</see>); the matrix products are <see cref="Gemm"/>'s.
/// </summary>
[SkipLocalsInit]
public static unsafe class Attention
{
    /// <summary>The output, and each query's ln Σ e^score for the backward pass.</summary>
    /// <param name="shape">Sizes.</param>
    /// <param name="q">Queries by <paramref name="layoutQ"/>.</param>
    /// <param name="layoutQ">Where q's rows stand.</param>
    /// <param name="k">Keys by <paramref name="layoutK"/>.</param>
    /// <param name="layoutK">Where k's rows stand; v's stand the same way.</param>
    /// <param name="v">Values.</param>
    /// <param name="scale">Usually 1/√(head width).</param>
    /// <param name="causal">Query t sees keys 0 … t only.</param>
    /// <param name="output">The result by <paramref name="layoutOutput"/>.</param>
    /// <param name="layoutOutput">Where the output's rows stand.</param>
    /// <param name="logSumExp">[batch, heads, queries] out.</param>
    /// <param name="workspace">At least <see cref="AttentionShape.ForwardWorkspace"/> floats.</param>
    public static void Forward(
        AttentionShape shape, ReadOnlySpan<float> q, HeadLayout layoutQ, ReadOnlySpan<float> k, HeadLayout layoutK, ReadOnlySpan<float> v, float scale, bool causal,
        Span<float> output, HeadLayout layoutOutput, Span<float> logSumExp, Span<float> workspace)
    {
        shape.Require();
        Lanes.RequireLength("Attention", nameof(workspace), workspace.Length, shape.ForwardWorkspace);
        Lanes.RequireLength("Attention", nameof(logSumExp), logSumExp.Length, shape.Batch * shape.Heads * shape.Queries);
        var width = shape.HeadWidth;
        var largest = stackalloc float[AttentionShape.RowBlock];
        for (var head = 0; head < shape.Batch * shape.Heads; head++)
        {
            var (b, h) = (head / shape.Heads, head % shape.Heads);
            var keys = k[layoutK.Offset(b, h)..];
            var values = v[layoutK.Offset(b, h)..];
            for (var start = 0; start < shape.Queries; start += AttentionShape.RowBlock)
            {
                var rows = Math.Min(AttentionShape.RowBlock, shape.Queries - start);
                var visible = causal ? Math.Min(shape.Keys, start + rows) : shape.Keys;
                var queries = q[(layoutQ.Offset(b, h) + start * layoutQ.RowStride)..];
                var result = output[(layoutOutput.Offset(b, h) + start * layoutOutput.RowStride)..];
                var stride = AttentionShape.RowStride(visible);
                var scores = workspace[..(rows * stride)];
                Gemm.Multiply(false, true, rows, visible, width, queries, layoutQ.RowStride, keys, layoutK.RowStride, scores, stride);
                fixed (float* s = scores, sums = logSumExp.Slice(head * shape.Queries + start, rows))
                {
                    for (var row = 0; row < rows; row++)
                        ExpRow(s + (nint)row * stride, causal ? Math.Min(visible, start + row + 1) : visible, stride, scale, out largest[row], out sums[row]);
                    Softmax.LogOfSums(largest, sums, sums, rows);
                }
                Gemm.Multiply(false, false, rows, width, visible, scores, stride, values, layoutK.RowStride, result, layoutOutput.RowStride);
            }
        }
    }

    /// <summary>dq, dk and dv; each stands as its forward tensor does.</summary>
    /// <param name="shape">Sizes.</param>
    /// <param name="q">Queries.</param>
    /// <param name="layoutQ">Where the rows of q and dq stand.</param>
    /// <param name="k">Keys.</param>
    /// <param name="layoutK">Where the rows of k, v, dk and dv stand.</param>
    /// <param name="v">Values.</param>
    /// <param name="scale">As in the forward pass.</param>
    /// <param name="causal">As in the forward pass.</param>
    /// <param name="output">The output of the forward pass.</param>
    /// <param name="dOutput">Its gradient.</param>
    /// <param name="layoutOutput">Where the rows of both stand.</param>
    /// <param name="logSumExp">[batch, heads, queries] from the forward pass.</param>
    /// <param name="dq">Out.</param>
    /// <param name="dk">Out.</param>
    /// <param name="dv">Out.</param>
    /// <param name="workspace">At least <see cref="AttentionShape.BackwardWorkspace"/> floats.</param>
    /// <param name="accumulate">Add to the gradients instead of overwriting them.</param>
    public static void Backward(
        AttentionShape shape, ReadOnlySpan<float> q, HeadLayout layoutQ, ReadOnlySpan<float> k, HeadLayout layoutK, ReadOnlySpan<float> v, float scale, bool causal,
        ReadOnlySpan<float> output, ReadOnlySpan<float> dOutput, HeadLayout layoutOutput, ReadOnlySpan<float> logSumExp,
        Span<float> dq, Span<float> dk, Span<float> dv, Span<float> workspace, bool accumulate = false)
    {
        shape.Require();
        Lanes.RequireLength("Attention", nameof(workspace), workspace.Length, shape.BackwardWorkspace);
        Lanes.RequireLength("Attention", nameof(logSumExp), logSumExp.Length, shape.Batch * shape.Heads * shape.Queries);
        var width = shape.HeadWidth;
        for (var head = 0; head < shape.Batch * shape.Heads; head++)
        {
            var (b, h) = (head / shape.Heads, head % shape.Heads);
            var offset = layoutK.Offset(b, h);
            var keys = k[offset..];
            var values = v[offset..];
            var keyGradients = dk[offset..];
            var valueGradients = dv[offset..];

            // The last block sees the most keys: it overwrites, the ones before it add.
            var sumKeys = accumulate;
            var firstUnseen = causal ? Math.Min(shape.Keys, shape.Queries) : shape.Keys;
            for (var row = firstUnseen; row < shape.Keys && !accumulate; row++)
            {
                keyGradients.Slice(row * layoutK.RowStride, width).Clear();
                valueGradients.Slice(row * layoutK.RowStride, width).Clear();
            }
            for (var start = (shape.Queries - 1) / AttentionShape.RowBlock * AttentionShape.RowBlock; start >= 0 && shape.Queries > 0; start -= AttentionShape.RowBlock)
            {
                var rows = Math.Min(AttentionShape.RowBlock, shape.Queries - start);
                var visible = causal ? Math.Min(shape.Keys, start + rows) : shape.Keys;
                var queries = q[(layoutQ.Offset(b, h) + start * layoutQ.RowStride)..];
                var outputOffset = layoutOutput.Offset(b, h) + start * layoutOutput.RowStride;
                var result = output[outputOffset..];
                var gradient = dOutput[outputOffset..];
                var stride = AttentionShape.RowStride(visible);
                var probabilities = workspace[..(rows * stride)];
                var scoreGradients = workspace.Slice(rows * stride, rows * stride);
                Gemm.Multiply(false, true, rows, visible, width, queries, layoutQ.RowStride, keys, layoutK.RowStride, probabilities, stride);
                Gemm.Multiply(false, true, rows, visible, width, gradient, layoutOutput.RowStride, values, layoutK.RowStride, scoreGradients, stride);
                var sums = logSumExp.Slice(head * shape.Queries + start, rows);
                fixed (float* p = probabilities, d = scoreGradients, o = result, g = gradient)
                {
                    for (var row = 0; row < rows; row++)
                    {
                        var at = (nint)row * layoutOutput.RowStride;
                        var projected = Reduce.Sum(new Reduce.Product(), o + at, g + at, width);
                        var seen = causal ? Math.Min(visible, start + row + 1) : visible;
                        BackwardRow(p + (nint)row * stride, d + (nint)row * stride, seen, stride, scale, sums[row], projected);
                    }
                }
                Gemm.Multiply(true, false, visible, width, rows, probabilities, stride, gradient, layoutOutput.RowStride, valueGradients, layoutK.RowStride, sumKeys);
                Gemm.Multiply(true, false, visible, width, rows, scoreGradients, stride, queries, layoutQ.RowStride, keyGradients, layoutK.RowStride, sumKeys);
                var queryGradients = dq[(layoutQ.Offset(b, h) + start * layoutQ.RowStride)..];
                Gemm.Multiply(false, false, rows, width, visible, scoreGradients, stride, keys, layoutK.RowStride, queryGradients, layoutQ.RowStride, accumulate);
                sumKeys = true;
            }
        }
    }

    // Scores to probabilities in place, zero from `seen` on; length is whole vectors.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ExpRow(float* s, int seen, int length, float scale, out float largest, out float total)
    {
        var factor = Vector512.Create(scale);
        var whole = seen & -Lanes.Count;
        var inside = Lanes.Mask(seen - whole);
        var outside = Vector512.Create(float.NegativeInfinity);
        var lanes = outside;
        var i = 0;
        for (; i < whole; i += Lanes.Count)
            lanes = Vector512.MaxNative(Lanes.Load(s + i) * factor, lanes);
        if (i < seen)
            lanes = Vector512.MaxNative(Vector512.ConditionalSelect(inside, Lanes.Load(s + i) * factor, outside), lanes);
        largest = Lanes.MaxNative(lanes);
        var shift = Vector512.Create(largest);
        var sum = Vector512<float>.Zero;
        for (i = 0; i < whole; i += Lanes.Count)
        {
            var e = Formulas.Exp(Lanes.Load(s + i) * factor - shift);
            sum += e;
            e.Store(s + i);
        }
        if (i < seen)
        {
            var e = inside & Formulas.Exp(Lanes.Load(s + i) * factor - shift);
            sum += e;
            e.Store(s + i);
        }
        total = Lanes.Sum(sum);
        var share = Vector512.Create(1f / total);
        for (i = 0; i < seen; i += Lanes.Count)
            (Lanes.Load(s + i) * share).Store(s + i);
        for (; i < length; i += Lanes.Count)
            Vector512<float>.Zero.Store(s + i);
    }

    // Scores to probabilities, and d = dP to dS = scale·P·(dP − Σ P·dP); both zero from `seen` on.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRow(float* s, float* d, int seen, int length, float scale, float logSumExp, float projected)
    {
        var factor = Vector512.Create(scale);
        var shift = Vector512.Create(logSumExp);
        var center = Vector512.Create(projected);
        var whole = seen & -Lanes.Count;
        var i = 0;
        for (; i < whole; i += Lanes.Count)
        {
            var p = Formulas.Exp(Lanes.Load(s + i) * factor - shift);
            p.Store(s + i);
            (factor * (p * (Lanes.Load(d + i) - center))).Store(d + i);
        }
        if (i < seen)
        {
            var inside = Lanes.Mask(seen - whole);
            var p = inside & Formulas.Exp(Lanes.Load(s + i) * factor - shift);
            p.Store(s + i);
            (inside & (factor * (p * (Lanes.Load(d + i) - center)))).Store(d + i);
            i += Lanes.Count;
        }
        for (; i < length; i += Lanes.Count)
        {
            Vector512<float>.Zero.Store(s + i);
            Vector512<float>.Zero.Store(d + i);
        }
    }
}
