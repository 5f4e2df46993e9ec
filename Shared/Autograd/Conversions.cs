using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>
        /// The elements as another type: floats lose their fraction as integers, anything but zero is true. The tensor itself where it has the type already. No gradient flows through a conversion.
        /// </summary>
        public Tensor To(DType type)
        {
            if (x.Type == type) return x;
            var source = x.Detach().Contiguous();
            var y = TensorMemory.Empty(source.Shape, type);
            switch (source.Type, type)
            {
                case (DType.Float32, DType.Int64): Convert(source.Span, y.LongSpan, static v => (long)v); break;
                case (DType.Float32, DType.Bool): Convert(source.Span, y.BoolSpan, static v => v != 0f); break;
                case (DType.Int64, DType.Float32): Convert(source.LongSpan, y.Span, static v => (float)v); break;
                case (DType.Int64, DType.Bool): Convert(source.LongSpan, y.BoolSpan, static v => v != 0); break;
                case (DType.Bool, DType.Float32): Convert(source.BoolSpan, y.Span, static v => v ? 1f : 0f); break;
                default: Convert(source.BoolSpan, y.LongSpan, static v => v ? 1L : 0L); break;
            }
            Trace.Current?.Add("To", y, [source]);
            return y;
        }

        /// <summary>The elements as Float32.</summary>
        public Tensor Float() => x.To(DType.Float32);

        /// <summary>The elements as Int64.</summary>
        public Tensor Long() => x.To(DType.Int64);

        /// <summary>The elements as Bool: true where they are not zero.</summary>
        public Tensor Bool() => x.To(DType.Bool);
    }

    private static void Convert<TFrom, TTo>(ReadOnlySpan<TFrom> from, Span<TTo> to, Func<TFrom, TTo> rule)
    {
        for (int i = 0; i < from.Length; i++) to[i] = rule(from[i]);
    }
}
