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

    /// <summary>Floats of a leaf's state.</summary>
    public int StateLength => codec.StateLength(layout.ParameterLength);

    /// <summary>Puts a leaf's state in place, as it was after a step.</summary>
    public void Restore(int leaf, long step, ReadOnlySpan<float> values)
    {
        var state = new Leaf(codec, layout.ParameterLength) { Step = step };
        values.CopyTo(state.After.Values.Span);
        leaves[leaf] = state;
    }

    /// <summary>Puts a leaf's state to zero, as if that were its state after a step.</summary>
    public void RestoreZero(int leaf, long step) => leaves[leaf] = new Leaf(codec, layout.ParameterLength) { Step = step };

    /// <summary>Whether a step of a leaf can be encoded: its state is that after the leaf's step before, or the step was encoded here already.</summary>
    /// <param name="leaf">The leaf.</param>
    /// <param name="step">The step to encode.</param>
    /// <param name="after">The leaf's step before that.</param>
    public bool Has(int leaf, long step, long after) => leaves.TryGetValue(leaf, out var state) && (state.Step == step || state.Step == after);

    /// <summary>The last step that was encoded of a leaf, or that its state was restored at; null for none.</summary>
    public long? StepOf(int leaf) => leaves.TryGetValue(leaf, out var state) ? state.Step : null;

    /// <summary>A copy of a leaf's state after a step, the last one or the one before; null where that is not here. To be made only while nothing is computed.</summary>
    public FloatBuffer? CopyOf(int leaf, long after)
    {
        if (!leaves.TryGetValue(leaf, out var state)) return null;
        lock (state)
        {
            var values = state.Step == after ? state.After.Values : state.StepBefore == after ? state.Before.Values : null;
            if (values is null) return null;
            var copy = new FloatBuffer(values.Length);
            values.Span.CopyTo(copy.Span);
            return copy;
        }
    }

    private sealed class Leaf(TensorCodec codec, int floats)
    {
        public CodecState Before { get; private set; } = new(codec, floats);

        public CodecState After { get; private set; } = new(codec, floats);

        /// <summary>The step that <see cref="After"/> is being made for.</summary>
        public long Step { get; set; } = -1;

        /// <summary>The step that <see cref="Before"/> was made for; −2 where it is of no use.</summary>
        public long StepBefore { get; private set; } = -2;

        public bool Begin(long step)
        {
            if (step <= Step) return step == Step;
            (Before, After) = (After, Before);
            StepBefore = Step;
            Step = step;
            return true;
        }
    }
}
