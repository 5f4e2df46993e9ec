using DistTrain.Training;

namespace DistTrain.Protocol.Codecs;

/// <summary>What the encoding of a slice may depend on beside its floats; never on workers, threads or time.</summary>
/// <param name="Seed">The job's seed.</param>
/// <param name="Step">The step, from 0.</param>
/// <param name="Shard">The logical shard that the floats belong to.</param>
/// <param name="Offset">Where the slice starts in the layout: a block border.</param>
public readonly record struct CodecKey(ulong Seed, long Step, int Shard, int Offset);

/// <summary>
/// Writes floats as bytes and reads them back. Slices start at a border of the layout's blocks of 4,096 floats and each block is encoded for itself, so a slice cut into blocks gives the same bytes in the same
/// order. The length is known beforehand, the bits depend on nothing but the arguments, nothing is allocated, and one codec may be used by many threads.
/// </summary>
public abstract class TensorCodec
{
    /// <summary>Floats in a block.</summary>
    protected const int BlockLength = ParameterLayout.BlockLength;

    private protected TensorCodec(CodecSpec spec) => Spec = spec;

    /// <summary>Which codec it is.</summary>
    public CodecSpec Spec { get; }

    /// <summary>Floats of error-feedback state for each block; 0 for a codec without state.</summary>
    public virtual int StatePerBlock => 0;

    /// <summary>Makes the codec that a spec names.</summary>
    public static TensorCodec Create(CodecSpec spec) => spec.Kind switch
    {
        CodecKind.None => new NoneCodec(),
        CodecKind.Bf16 => new Bf16Codec(),
        CodecKind.Fp16 => new Fp16Codec(),
        CodecKind.Int8 => new Int8Codec(),
        CodecKind.TopK => new TopKCodec(spec),
        CodecKind.PowerSgd => new PowerSgdCodec(spec),
        _ => throw new ArgumentOutOfRangeException(nameof(spec), spec.Kind, "not a codec"),
    };

    /// <summary>The bytes that so many floats from a block border on take: exact, and so also the most they can take.</summary>
    public long EncodedLength(int floats)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(floats);
        long length = (long)(floats / BlockLength) * BlockBytes(BlockLength);
        int rest = floats % BlockLength;
        return rest == 0 ? length : length + BlockBytes(rest);
    }

    /// <summary>Floats of state that so many floats from a block border on take.</summary>
    public int StateLength(int floats) => checked((int)(((long)floats + BlockLength - 1) / BlockLength * StatePerBlock));

    /// <summary>Encodes a slice and brings its state up to date.</summary>
    /// <param name="key">Names the slice; its offset is a multiple of 4,096.</param>
    /// <param name="source">The floats.</param>
    /// <param name="state">Their state, <see cref="StateLength"/> floats, all zero at first; empty for a codec without.</param>
    /// <param name="destination">Room for <see cref="EncodedLength"/> bytes.</param>
    /// <returns>The bytes written: <see cref="EncodedLength"/>.</returns>
    /// <exception cref="ArgumentException">The offset is no block border, or a span is too short.</exception>
    public int Encode(in CodecKey key, ReadOnlySpan<float> source, Span<float> state, Span<byte> destination)
    {
        long length = EncodedLength(source.Length);
        if (key.Offset < 0 || key.Offset % BlockLength != 0) throw new ArgumentException($"codec {Spec}: the slice starts at {key.Offset}, expected a multiple of {BlockLength}");
        if (destination.Length < length) throw new ArgumentException($"codec {Spec}: {destination.Length} bytes for {source.Length} floats, expected {length}");
        if (state.Length < StateLength(source.Length)) throw new ArgumentException($"codec {Spec}: {state.Length} floats of state for {source.Length} floats, expected {StateLength(source.Length)}");
        int written = 0;
        for (int start = 0; start < source.Length; start += BlockLength)
        {
            int count = Math.Min(BlockLength, source.Length - start), bytes = BlockBytes(count);
            EncodeBlock(key with { Offset = key.Offset + start }, source.Slice(start, count), state.Slice(start / BlockLength * StatePerBlock, StatePerBlock), destination.Slice(written, bytes));
            written += bytes;
        }
        return written;
    }

    /// <summary>Decodes a slice; reads no byte beyond the source and writes no float beyond the destination, whatever the bytes are.</summary>
    /// <param name="source">What <see cref="Encode"/> wrote.</param>
    /// <param name="destination">The floats, as many as were encoded; of no value where false is returned.</param>
    /// <param name="reason">Why the bytes cannot be right; null where they can.</param>
    public bool TryDecode(ReadOnlySpan<byte> source, Span<float> destination, out string? reason)
    {
        long length = EncodedLength(destination.Length);
        if (source.Length != length)
        {
            reason = $"codec {Spec}: {source.Length} bytes for {destination.Length} floats, expected {length}";
            return false;
        }
        int read = 0;
        for (int start = 0; start < destination.Length; start += BlockLength)
        {
            int count = Math.Min(BlockLength, destination.Length - start), bytes = BlockBytes(count);
            reason = DecodeBlock(source.Slice(read, bytes), destination.Slice(start, count));
            if (reason is not null)
            {
                reason = $"codec {Spec}, block {start / BlockLength}: {reason}";
                return false;
            }
            read += bytes;
        }
        reason = null;
        return true;
    }

    /// <summary>The bytes of one block of so many floats, 1 to 4,096.</summary>
    private protected abstract int BlockBytes(int floats);

    /// <summary>Encodes one block; all spans have their exact lengths.</summary>
    private protected abstract void EncodeBlock(in CodecKey key, ReadOnlySpan<float> source, Span<float> state, Span<byte> destination);

    /// <summary>Decodes one block; both spans have their exact lengths. Returns why it cannot; null where it did.</summary>
    private protected abstract string? DecodeBlock(ReadOnlySpan<byte> source, Span<float> destination);
}
