using DistTrain.Protocol.Codecs;
using DistTrain.Simd;

namespace DistTrain.Tests.Protocol.Codecs;

public class CodecTests
{
    private static readonly string[] Specs = ["none", "bf16", "fp16", "int8", "topk:0.01", "topk:1", "powersgd:1", "powersgd:4", "powersgd:32"];

    public static TheoryData<string> All => [.. Specs];

    public static TheoryData<string, int> Lengths
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (string spec in Specs)
                foreach (int length in (int[])[0, 1, 15, 16, 17, 31, 33, 127, 129, 4095, 4096, 4097, 3 * 4096 + 200])
                    data.Add(spec, length);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_round_trip_stays_within_its_bound(string text, int length)
    {
        var codec = TensorCodec.Create(CodecSpec.ParseGradient(text));
        float[] source = Normal(length, 1);
        float[] state = new float[codec.StateLength(length)];
        byte[] bytes = new byte[codec.EncodedLength(length) + 8];
        bytes.AsSpan().Fill(0xAA);
        float[] decoded = new float[length + 8];
        decoded.AsSpan().Fill(7f);

        Assert.Equal(codec.EncodedLength(length), codec.Encode(new CodecKey(1, 2, 3, 4096), source, state, bytes));
        Assert.True(codec.TryDecode(bytes.AsSpan()[..^8], decoded.AsSpan(0, length), out string? reason), reason);

        Assert.Equal(-1, bytes.AsSpan()[^8..].IndexOfAnyExcept((byte)0xAA));
        Assert.Equal(-1, decoded.AsSpan()[length..].IndexOfAnyExcept(7f));
        for (int start = 0; start < length; start += 4096)
        {
            var x = source.AsSpan(start, Math.Min(4096, length - start));
            var y = decoded.AsSpan(start, x.Length);
            float largest = Int8Quantizer.LargestMagnitude(x);
            for (int i = 0; i < x.Length; i++)
                Assert.True(MathF.Abs(x[i] - y[i]) <= Bound(codec.Spec, x[i], largest), $"{text}, float {start + i}: {x[i]} became {y[i]}");
        }
        if (!codec.Spec.HasState) return;
        // What was not sent is in the residual: sent + residual is the gradient.
        for (int i = 0; i < length; i++)
        {
            float residual = state[i / 4096 * codec.StatePerBlock + i % 4096];
            Assert.Equal(source[i], decoded[i] + residual, 1e-5f);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_slice_cut_at_block_borders_gives_the_bytes_of_the_whole(string text)
    {
        var codec = TensorCodec.Create(CodecSpec.ParseGradient(text));
        const int Length = 5 * 4096 + 77;
        float[] source = Normal(Length, 2);
        var whole = new CodecState(codec, Length);
        var cut = new CodecState(codec, Length);
        byte[] expected = new byte[codec.EncodedLength(Length)], actual = new byte[expected.Length];
        for (int step = 0; step < 3; step++)
        {
            codec.Encode(new CodecKey(9, step, 1, 0), source, whole.For(0, Length), expected);
            int written = 0;
            foreach (var (start, count) in (ReadOnlySpan<(int, int)>)[(0, 4096), (4096, 3 * 4096), (4 * 4096, 4096 + 77)])
                written += codec.Encode(new CodecKey(9, step, 1, start), source.AsSpan(start, count), cut.For(start, count), actual.AsSpan(written));
            Assert.Equal(expected, actual);
        }
        Assert.True(whole.Values.Span.SequenceEqual(cut.Values.Span));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Encoding_and_decoding_allocate_nothing(string text)
    {
        var codec = TensorCodec.Create(CodecSpec.ParseGradient(text));
        float[] source = Normal(2 * 4096, 3), decoded = new float[source.Length], state = new float[codec.StateLength(source.Length)];
        byte[] bytes = new byte[codec.EncodedLength(source.Length)];
        Run(1);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(50);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run(int times)
        {
            for (int step = 0; step < times; step++)
            {
                codec.Encode(new CodecKey(1, step, 0, 0), source, state, bytes);
                if (!codec.TryDecode(bytes, decoded, out string? reason)) throw new InvalidOperationException(reason);
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_decoder_refuses_or_takes_any_bytes_and_stays_within_its_destination(string text)
    {
        var codec = TensorCodec.Create(CodecSpec.ParseGradient(text));
        var random = new Random(4);
        byte[] valid = new byte[codec.EncodedLength(4096 + 300)];
        float[] destination = new float[4096 + 300 + 8];
        codec.Encode(new CodecKey(1, 0, 0, 0), Normal(4096 + 300, 5), new float[codec.StateLength(4096 + 300)], valid);
        for (int trial = 0; trial < 300; trial++)
        {
            byte[] bytes = (byte[])valid.Clone();
            for (int i = random.Next(20); i >= 0; i--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            destination.AsSpan().Fill(7f);
            bool taken = codec.TryDecode(bytes, destination.AsSpan(0, 4096 + 300), out string? reason);
            Assert.Equal(taken, reason is null);
            Assert.Equal(-1, destination.AsSpan(4096 + 300).IndexOfAnyExcept(7f));
        }
        Assert.False(codec.TryDecode(valid.AsSpan()[..^1], destination.AsSpan(0, 4096 + 300), out string? shorter));
        Assert.Contains($"{valid.Length - 1} bytes for 4396 floats", shorter);
    }

    [Theory]
    [InlineData("int8")]
    [InlineData("topk:0.01")]
    [InlineData("powersgd:2")]
    [InlineData("bf16")]
    [InlineData("fp16")]
    public void Numbers_that_are_not_finite_arrive_as_such_and_never_enter_the_state(string text)
    {
        var codec = TensorCodec.Create(CodecSpec.ParseGradient(text));
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            float[] source = Normal(4096, 6), decoded = new float[4096], state = new float[codec.StateLength(4096)];
            byte[] bytes = new byte[codec.EncodedLength(4096)];
            source[1234] = bad;
            codec.Encode(new CodecKey(1, 0, 0, 0), source, state, bytes);
            Assert.True(codec.TryDecode(bytes, decoded, out _));
            Assert.Contains(decoded, value => !float.IsFinite(value));
            Assert.DoesNotContain(state, value => !float.IsFinite(value));
        }
    }

    [Fact]
    public void Int8_rounds_to_the_number_on_average_and_by_a_key()
    {
        var codec = TensorCodec.Create(CodecSpec.ParseGradient("int8"));
        float[] source = Normal(4096, 7), decoded = new float[4096];
        double[] mean = new double[4096];
        byte[] bytes = new byte[codec.EncodedLength(4096)], first = new byte[bytes.Length];
        codec.Encode(new CodecKey(1, 0, 0, 0), source, [], first);
        const int Steps = 2000;
        for (int step = 0; step < Steps; step++)
        {
            codec.Encode(new CodecKey(1, step, 0, 0), source, [], bytes);
            Assert.True(codec.TryDecode(bytes, decoded, out _));
            for (int i = 0; i < 4096; i++) mean[i] += decoded[i] / Steps;
            Assert.Equal(step == 0, first.AsSpan().SequenceEqual(bytes));
        }
        float quantum = Int8Quantizer.LargestMagnitude(source) / 127;
        // The mean of 2,000 roundings has a standard deviation of at most half a quantum / √2000; 4,096 of them stay within five.
        for (int i = 0; i < 4096; i++) Assert.InRange(mean[i] - source[i], -5 * 0.5 * quantum / Math.Sqrt(Steps), 5 * 0.5 * quantum / Math.Sqrt(Steps));
        codec.Encode(new CodecKey(1, 0, 1, 0), source, [], bytes);
        Assert.NotEqual(first, bytes);
        codec.Encode(new CodecKey(1, 0, 0, 4096), source, [], bytes);
        Assert.NotEqual(first, bytes);
    }

    [Fact]
    public void Sixteen_bit_formats_round_to_nearest_even_as_the_runtime_does()
    {
        var random = new Random(8);
        float[] values = new float[100_000];
        for (int i = 0; i < values.Length; i++) values[i] = BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
        ReadOnlySpan<float> edges = [0f, -0f, 65504f, 65519.996f, 65520f, 65536f, 6.1035156e-5f, 6.097555e-5f, 5.9604645e-8f, 2.9802322e-8f, 2.980233e-8f, float.MaxValue, float.Epsilon, 1f + 1f / 256, 1f + 3f / 256];
        edges.CopyTo(values);
        byte[] bytes = new byte[values.Length * 2];
        float[] decoded = new float[values.Length];
        HalfPrecision.ToBinary16(values, bytes);
        HalfPrecision.FromBinary16(bytes, decoded);
        for (int i = 0; i < values.Length; i++) Same((float)(Half)values[i], decoded[i], values[i]);
        HalfPrecision.ToBfloat16(values, bytes);
        HalfPrecision.FromBfloat16(bytes, decoded);
        for (int i = 0; i < values.Length; i++) Same(NearestBfloat16(values[i]), decoded[i], values[i]);

        static void Same(float expected, float actual, float of)
        {
            if (!float.IsNaN(expected)) Assert.True(BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(actual), $"{of}: {actual}, expected {expected}");
            else Assert.True(float.IsNaN(actual), $"{of}: {actual}, expected NaN");
        }
    }

    [Fact]
    public void Topk_sends_the_largest_magnitudes_the_first_among_equals()
    {
        foreach (int length in (int[])[1, 7, 16, 100, 4096])
        {
            var random = new Random(length);
            float[] values = new float[length];
            for (int i = 0; i < length; i++) values[i] = random.Next(-9, 10);
            for (int k = 1; k <= length; k += Math.Max(1, length / 7))
            {
                ushort[] positions = new ushort[k];
                LargestMagnitudes.Select(values, positions);
                var expected = Enumerable.Range(0, length).OrderByDescending(i => Math.Abs(values[i])).ThenBy(i => i).Take(k).Order().Select(i => (ushort)i);
                Assert.Equal(expected, positions);
            }
        }
    }

    /// <summary>The nearer of the two neighbours, by exact arithmetic in double; the even one in the middle.</summary>
    private static float NearestBfloat16(float x)
    {
        if (!float.IsFinite(x)) return x;
        uint bits = BitConverter.SingleToUInt32Bits(x) & 0xFFFF0000;
        double below = BitConverter.UInt32BitsToSingle(bits), step = Math.Pow(2, Math.Max(Math.ILogB(x), -126) - 7) * Math.Sign(x), above = below + step;
        double toBelow = Math.Abs(x - below), toAbove = Math.Abs(above - x);
        return toBelow < toAbove || (toBelow == toAbove && (bits & 0x10000) == 0) ? (float)below : (float)above;
    }

    private static float Bound(CodecSpec spec, float x, float largest) => spec.Kind switch
    {
        CodecKind.None => 0,
        CodecKind.Bf16 => MathF.Abs(x) / 256,
        CodecKind.Fp16 => MathF.Max(MathF.Abs(x) / 2048, 6e-8f),
        CodecKind.Int8 => largest / 127 * 1.0001f,
        CodecKind.TopK => spec.Share == 1 ? 0 : largest,
        _ => 8 * largest,
    };

    private static float[] Normal(int length, ulong seed)
    {
        float[] values = new float[length];
        Philox.FillNormal(values, RandomKey.Create(seed, 0));
        return values;
    }
}
