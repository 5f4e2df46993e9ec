using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Protocol.Codecs;

/// <summary>
/// The error-feedback state of one logical shard: residuals (and what else a codec keeps) of all blocks of a layout, in one flat buffer that can travel over a channel or stand in a checkpoint. It belongs to the
/// shard, not to the worker that happens to compute it.
/// </summary>
public sealed class CodecState
{
    private readonly TensorCodec codec;

    /// <summary>Makes a state that is all zero, as before the first step.</summary>
    /// <param name="codec">The codec.</param>
    /// <param name="floats">The length of the layout, or of its part that is encoded.</param>
    public CodecState(TensorCodec codec, int floats)
    {
        this.codec = codec;
        Values = new FloatBuffer(codec.StateLength(floats));
    }

    /// <summary>The whole state; empty for a codec without.</summary>
    public FloatBuffer Values { get; }

    /// <summary>The next step to encode: the state is that after step <see cref="Step"/> − 1.</summary>
    public long Step { get; set; }

    /// <summary>The state of a slice of the layout that starts at a block border.</summary>
    public Span<float> For(int offset, int length) => Values.Slice(codec.StateLength(offset), codec.StateLength(length));

    /// <summary>Forgets everything: for when a crash lost the state.</summary>
    public void Clear() => Values.Span.Clear();
}
