namespace DistTrain.Autograd;
internal static class CrossEntropyStub
{
    public static void Forward(int rows, int classes, ReadOnlySpan<float> logits, ReadOnlySpan<long> labels, Span<float> losses)
    {
        for (int r = 0; r < rows; r++) { var x = logits.Slice(r * classes, classes); float max = x[0]; foreach (var v in x) max = MathF.Max(max, v); float s = 0; foreach (var v in x) s += MathF.Exp(v - max); losses[r] = MathF.Log(s) + max - x[(int)labels[r]]; }
    }
    public static void Backward(int rows, int classes, ReadOnlySpan<float> logits, ReadOnlySpan<long> labels, float scale, Span<float> dx, bool accumulate)
    {
        for (int r = 0; r < rows; r++) { var x = logits.Slice(r * classes, classes); float max = x[0]; foreach (var v in x) max = MathF.Max(max, v); float s = 0; foreach (var v in x) s += MathF.Exp(v - max);
            for (int c = 0; c < classes; c++) { float g = (MathF.Exp(x[c] - max) / s - (c == labels[r] ? 1 : 0)) * scale; dx[r * classes + c] = accumulate ? dx[r * classes + c] + g : g; } }
    }
}
