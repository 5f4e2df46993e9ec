using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>Random tensors, drawn from the thread's <see cref="RandomSource"/>: repeatable after <see cref="RandomSource.ManualSeed"/>.</summary>
public static class RandomTensors
{
    extension(Tensor)
    {
        /// <summary>Normal with mean 0 and standard deviation 1.</summary>
        public static Tensor Randn(Shape shape)
        {
            var result = TensorMemory.Empty(shape);
            Philox.FillNormal(result.Span, RandomSource.NextKey());
            return result;
        }

        /// <summary>Uniform in [0, 1).</summary>
        public static Tensor Rand(Shape shape)
        {
            var result = TensorMemory.Empty(shape);
            Philox.FillUniform(result.Span, RandomSource.NextKey());
            return result;
        }

        /// <summary>Whole numbers in [low, high), Int64.</summary>
        /// <exception cref="ArgumentException">The range is empty.</exception>
        public static Tensor Randint(long low, long high, Shape shape)
        {
            if (high <= low) throw new ArgumentException($"Randint: the range {low} to {high} is empty");
            var result = TensorMemory.Empty(shape, DType.Int64);
            var key = RandomSource.NextKey();
            var span = result.LongSpan;
            for (int i = 0; i < span.Length; i++) span[i] = low + (long)Philox.Below(key, (ulong)i, (ulong)(high - low));
            return result;
        }

        /// <summary>0 to count − 1 in random order, Int64.</summary>
        public static Tensor Randperm(int count)
        {
            var result = Tensor.Arange(count);
            Philox.Shuffle(result.LongSpan, RandomSource.NextKey());
            return result;
        }
    }
}
