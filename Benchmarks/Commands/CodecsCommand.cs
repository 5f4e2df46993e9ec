using DistTrain.Protocol.Codecs;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Benchmarks.Commands;

/// <summary><c>codecs</c>: how fast each codec encodes and decodes a 4 MiB bucket, on one thread, and what it makes of it.</summary>
internal static class CodecsCommand
{
    private const int Floats = 1 << 20;

    public static int Run(string[] args)
    {
        string[] specs = args.Length > 0 ? args : ["none", "bf16", "fp16", "int8", "topk:0.01", "topk:0.1", "powersgd:1", "powersgd:4"];
        foreach (string text in specs)
        {
            var codec = TensorCodec.Create(CodecSpec.ParseGradient(text));
            var gradient = new FloatBuffer(Floats);
            var decoded = new FloatBuffer(Floats);
            Philox.FillNormal(gradient.Span, RandomKey.Create(1, 0));
            var state = new CodecState(codec, Floats);
            byte[] bytes = GC.AllocateArray<byte>((int)codec.EncodedLength(Floats), pinned: true);
            long step = 0;
            double encode = Measure.Seconds(() => codec.Encode(new CodecKey(1, step++, 0, 0), gradient.Span, state.For(0, Floats), bytes), rounds: 30);
            double decode = Measure.Seconds(() => codec.TryDecode(bytes, decoded.Span, out _), rounds: 30);
            Measure.Print(
                ("workload", "codecs"), ("codec", text), ("bytes", bytes.Length), ("of_float32", (double)bytes.Length / (Floats * sizeof(float))),
                ("encode_gb_per_s", Floats * sizeof(float) / encode / 1e9), ("decode_gb_per_s", Floats * sizeof(float) / decode / 1e9));
        }
        return 0;
    }
}
