using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// In training, sets each element to zero with probability p and scales the rest by 1/(1 − p); in evaluation, nothing. The draw is keyed by seed, step, piece, module, call and element, so it does not
/// depend on which worker computes.
/// </summary>
public sealed class Dropout : Module
{
    private readonly float p;
    private long context = -1;
    private int calls;
    private int order = -1;

    /// <summary>Makes a dropout layer.</summary>
    /// <param name="p">The probability of zero, in [0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException">It is outside.</exception>
    public Dropout(float p = 0.5f)
    {
        if (!(p >= 0f && p <= 1f)) throw new ArgumentOutOfRangeException(nameof(p), p, "Dropout: the probability must be 0 to 1");
        this.p = p;
    }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input)
    {
        if (!Training || p == 0f) return input;
        // The repetition draws with the key of the first time, whatever it is given.
        if (Checkpoint.IsRecomputing) return input.Dropout(p, default);
        if (context != RandomSource.Context) (context, calls) = (RandomSource.Context, 0);
        int module = Number >= 0 ? Number : order >= 0 ? order : order = RandomSource.NextModule();
        return input.Dropout(p, RandomSource.DropoutKey(module, calls++));
    }

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => input;

    /// <inheritdoc/>
    public override string ToString() => $"Dropout({p})";
}
