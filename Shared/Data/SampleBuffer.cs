using System.Runtime.InteropServices;

namespace DistTrain.Data;

/// <summary>Reused memory for the inputs or targets of up to a number of samples.</summary>
public sealed class SampleBuffer
{
    private readonly float[] floats = [];
    private readonly long[] integers = [];

    /// <summary>Makes room.</summary>
    /// <param name="spec">One sample.</param>
    /// <param name="capacity">The most samples it will hold.</param>
    public SampleBuffer(SampleSpec spec, int capacity)
    {
        (Spec, Capacity) = (spec, capacity);
        var length = checked(capacity * spec.Length);
        if (spec.Type == ElementType.Float32)
            floats = GC.AllocateUninitializedArray<float>(length, pinned: true);
        else
            integers = GC.AllocateUninitializedArray<long>(length, pinned: true);
    }

    /// <summary>One sample.</summary>
    public SampleSpec Spec { get; }

    /// <summary>The most samples it will hold.</summary>
    public int Capacity { get; }

    /// <summary>The first samples as floats.</summary>
    /// <exception cref="InvalidOperationException">The elements are int64.</exception>
    public Memory<float> Float32(int samples) => Spec.Type == ElementType.Float32
        ? floats.AsMemory(0, samples * Spec.Length)
        : throw new InvalidOperationException($"The samples are {Spec}, not float32");

    /// <summary>The first samples as integers.</summary>
    /// <exception cref="InvalidOperationException">The elements are float32.</exception>
    public Memory<long> Int64(int samples) => Spec.Type == ElementType.Int64
        ? integers.AsMemory(0, samples * Spec.Length)
        : throw new InvalidOperationException($"The samples are {Spec}, not int64");

    /// <summary>The first samples as a place to write.</summary>
    public SampleSpan Span(int samples) => Spec.Type == ElementType.Float32
        ? new(floats.AsSpan(0, samples * Spec.Length))
        : new(integers.AsSpan(0, samples * Spec.Length));

    /// <summary>The first samples' bytes.</summary>
    public ReadOnlySpan<byte> Bytes(int samples) => Spec.Type == ElementType.Float32
        ? MemoryMarshal.AsBytes(floats.AsSpan(0, samples * Spec.Length))
        : MemoryMarshal.AsBytes(integers.AsSpan(0, samples * Spec.Length));
}
