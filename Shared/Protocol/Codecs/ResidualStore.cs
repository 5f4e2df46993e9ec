using System.Collections.Concurrent;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Protocol.Codecs;

/// <summary>
/// The states of a node's leaves that live with whoever computes them: error feedback of a codec, optimizer state of local steps. Each is kept before and after the step that is being computed: whoever computes a leaf of that step again
/// begins with the same state and gets the same bytes. Shared by the node's workers, so that a leaf which moves between them finds its state.
/// </summary>
/// <param name="codec">The codec of gradients.</param>
/// <param name="layout">The layout.</param>
/// <param name="optimizerStates">Optimizer state buffers that every leaf has of its own, as under <c>local:H</c>; 0 for none.</param>
public sealed class ResidualStore(TensorCodec codec, ParameterLayout layout, int optimizerStates = 0)
{
    private readonly ConcurrentDictionary<int, Leaf> leaves = new();

    /// <summary>The codec.</summary>
    public TensorCodec Codec => codec;

    /// <summary>Told each slice that is encoded, for checks from outside.</summary>
    public EncodedHandler? Encoded { get; init; }

    /// <summary>A slice was encoded.</summary>
    /// <param name="key">Names the slice.</param>
    /// <param name="before">Its state before.</param>
    /// <param name="after">Its state after.</param>
    public delegate void EncodedHandler(in CodecKey key, ReadOnlySpan<float> before, ReadOnlySpan<float> after);

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
            var leaf = Of(key.Shard);
            lock (leaf)
            {
                if (!leaf.Begin(key.Step)) return -1;
                var after = leaf.After.Codec.For(key.Offset, slice.Length);
                var before = leaf.Before.Codec.For(key.Offset, slice.Length);
                before.CopyTo(after);
                length = codec.Encode(key, slice, after, destination);
                Encoded?.Invoke(key, before, after);
            }
        }
        if (!codec.TryDecode(destination[..length], slice, out string? reason)) throw new InvalidOperationException(reason);
        // A codec that mixes the numbers of a block puts some into its padding, where nobody expects any.
        layout.ClearPadding(slice, key.Offset);
        return length;
    }

    /// <summary>Copies the optimizer state that a leaf's local steps of a round begin with.</summary>
    /// <returns>False where a later round of the leaf has begun already, so that nobody waits for this one.</returns>
    public bool TryRead(int leaf, long round, FloatBuffer[] optimizer)
    {
        var state = Of(leaf);
        lock (state)
        {
            if (round < state.Step) return false;
            var from = (round == state.Step ? state.Before : state.After).Optimizer;
            for (int i = 0; i < optimizer.Length; i++) from[i].Span.CopyTo(optimizer[i].Span);
            return true;
        }
    }

    /// <summary>Keeps the optimizer state that a leaf's local steps of a round ended with.</summary>
    public void Write(int leaf, long round, FloatBuffer[] optimizer)
    {
        var state = Of(leaf);
        lock (state)
        {
            if (!state.Begin(round)) return;
            for (int i = 0; i < optimizer.Length; i++) optimizer[i].Span.CopyTo(state.After.Optimizer[i].Span);
        }
    }

    /// <summary>Floats of a leaf's state.</summary>
    public int StateLength => LengthOf(codec, layout, optimizerStates);

    /// <summary>Floats of a leaf's state under a codec and with so many optimizer states of its own.</summary>
    public static int LengthOf(TensorCodec codec, ParameterLayout layout, int optimizerStates) => checked(codec.StateLength(layout.ParameterLength) + optimizerStates * layout.Length);

    /// <summary>Puts a leaf's state in place, as it was after a step.</summary>
    /// <param name="leaf">The leaf.</param>
    /// <param name="step">The last step that is in it.</param>
    /// <param name="values">The state, of <see cref="StateLength"/> floats.</param>
    public void Restore(int leaf, long step, ReadOnlySpan<float> values)
    {
        var state = New(step);
        foreach (var part in state.After.Parts)
        {
            values[..part.Length].CopyTo(part.Span);
            values = values[part.Length..];
        }
        leaves[leaf] = state;
    }

    /// <summary>Puts a leaf's state to zero, as if that were its state after a step.</summary>
    public void RestoreZero(int leaf, long step) => leaves[leaf] = New(step);

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
            var values = state.Step == after ? state.After : state.StepBefore == after ? state.Before : null;
            if (values is null) return null;
            var copy = new FloatBuffer(StateLength);
            int at = 0;
            foreach (var part in values.Parts)
            {
                part.Span.CopyTo(copy.Slice(at, part.Length));
                at += part.Length;
            }
            return copy;
        }
    }

    /// <summary>Frees the states of leaves that are older than they may be.</summary>
    /// <param name="oldest">The step of a leaf that a state must have reached to be of use.</param>
    public void Free(Func<int, long> oldest)
    {
        foreach (var entry in leaves)
        {
            // One that took its place meanwhile stays.
            if (entry.Value.Step < oldest(entry.Key)) leaves.TryRemove(entry);
        }
    }

    /// <summary>Frees all states.</summary>
    public void Clear() => leaves.Clear();

    private Leaf Of(int leaf) => leaves.GetOrAdd(leaf, static (_, store) => store.New(-1), this);

    private Leaf New(long step) => new(NewVersion(), NewVersion()) { Step = step };

    private Version NewVersion() => new(new CodecState(codec, layout.ParameterLength), [.. Enumerable.Range(0, optimizerStates).Select(_ => new FloatBuffer(layout.Length))]);

    private sealed record Version(CodecState Codec, FloatBuffer[] Optimizer)
    {
        public IEnumerable<FloatBuffer> Parts => Optimizer.Prepend(Codec.Values);
    }

    private sealed class Leaf(Version before, Version after)
    {
        public Version Before { get; private set; } = before;

        public Version After { get; private set; } = after;

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
