using System.Collections.Concurrent;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Protocol.Codecs;

/// <summary>
/// The error-feedback states of a node's leaves, each with its version before and after the step that is being computed: whoever computes a leaf of that step again encodes it from the same state and gets the same bytes. Shared by the
/// node's workers, so that a leaf which moves between them finds its state.
/// </summary>
public sealed class ResidualStore(TensorCodec codec, ParameterLayout layout)
{
    private readonly ConcurrentDictionary<int, Leaf> leaves = new();

    /// <summary>The codec.</summary>
    public TensorCodec Codec => codec;

    /// <summary>Encodes one slice of a leaf's gradient, and leaves in it what decoding gives.</summary>
    /// <param name="key">Names the slice.</param>
    /// <param name="slice">The gradient's floats.</param>
    /// <param name="destination">Room for the bytes.</param>
    /// <returns>The number of bytes; −1 where a later step of the leaf has begun already, so that nobody waits for this one.</returns>
    public int Encode(in CodecKey key, Span<float> slice, Span<byte> destination)
    {
        int length;
        if (codec.StatePerBlock == 0)
        {
            length = codec.Encode(key, slice, [], destination);
        }
        else
        {
            var leaf = leaves.GetOrAdd(key.Shard, static (_, size) => new Leaf(size.Codec, size.Floats), (Codec: codec, Floats: layout.ParameterLength));
            lock (leaf)
            {
                if (!leaf.Begin(key.Step)) return -1;
                var after = leaf.After.For(key.Offset, slice.Length);
                leaf.Before.For(key.Offset, slice.Length).CopyTo(after);
                length = codec.Encode(key, slice, after, destination);
            }
        }
        if (!codec.TryDecode(destination[..length], slice, out string? reason)) throw new InvalidOperationException(reason);
        // A codec that mixes the numbers of a block puts some into its padding, where nobody expects any.
        layout.ClearPadding(slice, key.Offset);
        return length;
    }

    /// <summary>The state of a leaf after the last step that was computed for it; null where there is none yet. To be read only while nothing is computed.</summary>
    public (long Step, FloatBuffer Values)? StateOf(int leaf) => leaves.TryGetValue(leaf, out var state) ? (state.Step, state.After.Values) : null;

    /// <summary>Puts a leaf's state in place, as it was after a step.</summary>
    public void Restore(int leaf, long step, ReadOnlySpan<float> values)
    {
        var state = new Leaf(codec, layout.ParameterLength) { Step = step };
        values.CopyTo(state.After.Values.Span);
        leaves[leaf] = state;
    }

    private sealed class Leaf(TensorCodec codec, int floats)
    {
        public CodecState Before { get; private set; } = new(codec, floats);

        public CodecState After { get; private set; } = new(codec, floats);

        /// <summary>The step that <see cref="After"/> is being made for.</summary>
        public long Step { get; set; } = -1;

        public bool Begin(long step)
        {
            if (step <= Step) return step == Step;
            (Before, After) = (After, Before);
            Step = step;
            return true;
        }
    }
}
