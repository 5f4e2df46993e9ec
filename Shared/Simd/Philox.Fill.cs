using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// Whole buffers of random numbers. Element i takes word `offset + i` of the stream, wherever the buffer is cut.
public static unsafe partial class Philox
{
    /// <summary>Uniform numbers in [<paramref name="low"/>, <paramref name="high"/>), from 24 random bits each.</summary>
    /// <exception cref="ArgumentException">low exceeds high, or one is not finite.</exception>
    public static void FillUniform(Span<float> destination, RandomKey key, float low = 0f, float high = 1f, long offset = 0)
    {
        if (!(float.IsFinite(low) && float.IsFinite(high) && low <= high))
            throw new ArgumentException($"FillUniform: range was [{low}, {high}), expected finite numbers with low <= high");
        Fill(new UniformBlock(low, high), destination, key, offset);
    }

    /// <summary>Normal numbers by Box and Muller's method, in double precision inside and rounded once: the same bits at every numerics level.</summary>
    /// <exception cref="ArgumentException"><paramref name="standardDeviation"/> is negative or a parameter is not finite.</exception>
    public static void FillNormal(Span<float> destination, RandomKey key, float mean = 0f, float standardDeviation = 1f, long offset = 0)
    {
        if (!(float.IsFinite(mean) && float.IsFinite(standardDeviation) && standardDeviation >= 0))
            throw new ArgumentException($"FillNormal: mean was {mean} and standard deviation {standardDeviation}, expected finite numbers, the latter not negative");
        Fill(new NormalBlock(mean, standardDeviation), destination, key, offset);
    }

    /// <summary>
    /// 1/(1 − p) where an element is kept and 0 where it is dropped (with probability <paramref name="p"/>): what <see cref="Dropout"/> multiplies by.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="p"/> is not in [0, 1].</exception>
    public static void DropoutMask(Span<float> destination, float p, RandomKey key, long offset = 0)
        => Fill(new DropoutBlock(RequireProbability(p)), destination, key, offset);

    /// <summary>
    /// y = x·mask/(1 − p). Backward is the same call on the gradient: the mask is drawn again from the key, not kept. With
    /// <paramref name="accumulate"/>, y += x·mask/(1 − p). <paramref name="y"/> may be <paramref name="x"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="p"/> is not in [0, 1].</exception>
    public static void Dropout(ReadOnlySpan<float> x, Span<float> y, float p, RandomKey key, long offset = 0, bool accumulate = false)
    {
        var dropout = new DropoutBlock(RequireProbability(p));
        Lanes.RequireLength(nameof(Dropout), nameof(y), y.Length, x.Length);
        var mask = stackalloc float[BlockWords];
        for (var done = 0; done < x.Length;)
        {
            var within = (int)((offset + done) % BlockWords);
            var count = Math.Min(BlockWords - within, x.Length - done);
            dropout.Fill(key, (offset + done) / BlockWords, mask);
            var kept = new ReadOnlySpan<float>(mask + within, count);
            if (accumulate)
                Elementwise.MultiplyAccumulate(x.Slice(done, count), kept, y.Slice(done, count));
            else
                Elementwise.Multiply(x.Slice(done, count), kept, y.Slice(done, count));
            done += count;
        }
    }

    private static float RequireProbability(float p)
        => p is >= 0 and <= 1 ? p : throw new ArgumentOutOfRangeException(nameof(p), p, $"Dropout: p was {p}, expected a probability in [0, 1]");

    private static void Fill<TBlock>(TBlock maker, Span<float> destination, RandomKey key, long offset)
        where TBlock : struct, IBlock
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        var block = stackalloc float[BlockWords];
        fixed (float* start = destination)
        {
            for (var done = 0; done < destination.Length;)
            {
                var within = (int)((offset + done) % BlockWords);
                var count = Math.Min(BlockWords - within, destination.Length - done);
                if (count == BlockWords)
                {
                    maker.Fill(key, (offset + done) / BlockWords, start + done);
                }
                else
                {
                    maker.Fill(key, (offset + done) / BlockWords, block);
                    new ReadOnlySpan<float>(block + within, count).CopyTo(destination[done..]);
                }
                done += count;
            }
        }
    }

    // Multiples of 2^-24 in [0, 1).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ToUnit(Vector512<uint> words) => Vector512.ConvertToSingle((words >> 8).AsInt32()) * Vector512.Create(UniformUnit);

    /// <summary>Makes the 64 floats of one block.</summary>
    private interface IBlock
    {
        void Fill(RandomKey key, long block, float* destination);
    }

    private readonly struct UniformBlock(float low, float high) : IBlock
    {
        // Rounding may reach the upper end, which does not belong to the range.
        private readonly float largest = high > low ? MathF.BitDecrement(high) : high;

        public void Fill(RandomKey key, long block, float* destination)
        {
            Block(key, block, out var x, out var y, out var z, out var w);
            Map(x).Store(destination);
            Map(y).Store(destination + 16);
            Map(z).Store(destination + 32);
            Map(w).Store(destination + 48);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector512<float> Map(Vector512<uint> words)
            => Vector512.MinNative(ToUnit(words) * Vector512.Create(high - low) + Vector512.Create(low), Vector512.Create(largest));
    }

    private readonly struct DropoutBlock(float p) : IBlock
    {
        private readonly float keptScale = p < 1 ? 1f / (1f - p) : 0f;

        public void Fill(RandomKey key, long block, float* destination)
        {
            Block(key, block, out var x, out var y, out var z, out var w);
            Map(x).Store(destination);
            Map(y).Store(destination + 16);
            Map(z).Store(destination + 32);
            Map(w).Store(destination + 48);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector512<float> Map(Vector512<uint> words)
            => Vector512.GreaterThanOrEqual(ToUnit(words), Vector512.Create(p)) & Vector512.Create(keptScale);
    }

    private readonly struct NormalBlock(float mean, float standardDeviation) : IBlock
    {
        // Words 0 and 1 of a counter make two numbers, words 2 and 3 two more.
        public void Fill(RandomKey key, long block, float* destination)
        {
            Block(key, block, out var x, out var y, out var z, out var w);
            Pair(x, y, destination);
            Pair(z, w, destination + 32);
        }

        private void Pair(Vector512<uint> radiusWords, Vector512<uint> angleWords, float* destination)
        {
            // The radius takes (0, 1], so that the logarithm is finite: at most √(48·ln 2) = 5.77 standard deviations.
            var unit = ToUnit(radiusWords) + Vector512.Create(UniformUnit);
            var turn = ToUnit(angleWords);
            Half(Vector512.WidenLower(unit), Vector512.WidenLower(turn), out var sineLow, out var cosineLow);
            Half(Vector512.WidenUpper(unit), Vector512.WidenUpper(turn), out var sineHigh, out var cosineHigh);
            Vector512.Narrow(cosineLow, cosineHigh).Store(destination);
            Vector512.Narrow(sineLow, sineHigh).Store(destination + 16);
        }

        private void Half(Vector512<double> unit, Vector512<double> turn, out Vector512<double> sine, out Vector512<double> cosine)
        {
            var radius = Vector512.Sqrt(Vector512.Create(-2.0) * DoubleFormulas.Log(unit)) * Vector512.Create((double)standardDeviation);
            var angle = turn * Vector512.Create(Math.Tau);
            sine = radius * DoubleFormulas.Sin(angle, 0) + Vector512.Create((double)mean);
            cosine = radius * DoubleFormulas.Sin(angle, 1) + Vector512.Create((double)mean);
        }
    }
}
