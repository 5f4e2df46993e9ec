using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>A rule that holds every gradient element, after the scale of clipping by norm, within bounds before another rule sees it.</summary>
public sealed class ValueClippedRule : UpdateRule
{
    private const int Piece = 4096;

    [ThreadStatic]
    private static float[]? scratch;

    private readonly UpdateRule inner;
    private readonly float bound;

    /// <summary>Makes the rule.</summary>
    /// <param name="inner">The rule that gets the clipped gradient.</param>
    /// <param name="bound">The largest magnitude of an element, 0 or more.</param>
    /// <exception cref="ArgumentException">The bound is negative or not a number.</exception>
    public ValueClippedRule(UpdateRule inner, double bound)
    {
        OptionCheck.NotNegative(inner.Name, "the clip value", bound);
        (this.inner, this.bound) = (inner, (float)bound);
    }

    /// <inheritdoc/>
    public override string Name => inner.Name;

    /// <inheritdoc/>
    public override IReadOnlyList<string> StateNames => inner.StateNames;

    /// <inheritdoc/>
    public override void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination)
    {
        scratch ??= new float[Piece];
        for (int at = 0; at < parameters.Length; at += Piece)
        {
            int length = Math.Min(Piece, parameters.Length - at);
            var clipped = scratch.AsSpan(0, length);
            Elementwise.Multiply(gradients.Slice(at, length), gradientScale, clipped);
            Elementwise.Clamp(clipped, -bound, bound, clipped);
            inner.Apply(step, learningRate, 1f, parameters.Slice(at, length), clipped, state.Cut(at, length), destination.Slice(at, length));
        }
    }
}
