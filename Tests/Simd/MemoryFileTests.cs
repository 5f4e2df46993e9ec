using System.Runtime.CompilerServices;
using DistTrain.Tensors;

namespace DistTrain.Tests.Simd;

public sealed class MemoryFileTests
{
    private const int Length = 5000;

    private static FloatBuffer Filled(int length = Length, float first = 1)
    {
        var buffer = FloatBuffer.ToSendFrom(length);
        Skip.If(buffer.File is null, "this system has no memory files");
        for (int i = 0; i < length; i++) buffer.Span[i] = first + i;
        return buffer;
    }

    private static FloatBuffer? Open(FloatBuffer buffer, int? process = null, int? descriptor = null, Guid? id = null, int? length = null) =>
        FloatBuffer.TryOpen(process ?? Environment.ProcessId, descriptor ?? buffer.File!.Descriptor, id ?? buffer.File!.Id, length ?? buffer.Length);

    [SkippableFact]
    public void Who_opens_a_buffer_sees_its_floats_and_all_that_is_written_later()
    {
        var buffer = Filled();
        Assert.Equal(0, buffer.Span.Length - Length);
        var opened = Open(buffer)!;
        Assert.True(opened.Span.SequenceEqual(buffer.Span));
        Assert.NotSame(buffer.Array, opened.Array);
        buffer.Span[^1] = -7;
        Assert.Equal(-7, opened.Span[^1]);
        Assert.Equal(-1, opened.File!.Descriptor);
    }

    [SkippableFact]
    public void A_new_one_has_zeros_and_starts_on_a_cache_line()
    {
        foreach (int length in (int[])[1024, 1025, 300_000])
        {
            var buffer = FloatBuffer.ToSendFrom(length);
            Skip.If(buffer.File is null, "this system has no memory files");
            Assert.Equal(length, buffer.Length);
            Assert.True(buffer.Span.TrimStart(0f).IsEmpty);
            Assert.Equal(0, System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(buffer.Array, buffer.Start) % 64);
        }
    }

    [Fact]
    public void A_small_one_is_memory_of_this_process_alone()
    {
        foreach (int length in (int[])[0, 1, 1023])
        {
            var buffer = FloatBuffer.ToSendFrom(length);
            Assert.Null(buffer.File);
            Assert.Equal(length, buffer.Length);
        }
    }

    [SkippableFact]
    public void What_is_not_the_file_that_was_named_is_not_opened()
    {
        var buffer = Filled();
        Assert.Null(Open(buffer, process: 0));
        Assert.Null(Open(buffer, process: int.MaxValue));
        Assert.Null(Open(buffer, descriptor: -1));
        Assert.Null(Open(buffer, descriptor: 1_000_000));
        Assert.Null(Open(buffer, id: Guid.NewGuid()));
        Assert.Null(Open(buffer, length: 2 * Length));
        Assert.Null(Open(buffer, length: int.MaxValue));
        Assert.Null(Open(buffer, length: 0));
        string path = Path.GetTempFileName();
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
            Assert.Null(Open(buffer, descriptor: (int)file.DangerousGetHandle()));
        }
        finally
        {
            File.Delete(path);
        }
        Assert.NotNull(Open(buffer));
    }

    [SkippableFact]
    public void Whoever_has_only_the_array_keeps_its_floats()
    {
        var (array, start) = ArrayOf(3);
        Collect();
        for (int i = 0; i < Length; i++) Assert.Equal(3 + i, array[start + i]);
    }

    [SkippableFact]
    public void An_opened_buffer_outlives_the_one_it_was_opened_from()
    {
        var opened = OpenedOnly();
        Collect();
        for (int i = 0; i < Length; i++) Assert.Equal(5 + i, opened.Span[i]);
    }

    [SkippableFact]
    public void Files_go_with_their_buffers_and_the_memory_is_used_again()
    {
        Filled();
        for (int round = 0; round < 3; round++)
        {
            var files = MakeMany(round);
            Collect();
            foreach (var file in files) Assert.False(file.TryGetTarget(out _));
            // The collector's memory is ordinary again: whatever comes to lie there is zeros first, and keeps what is written.
            foreach (float[] array in Enumerable.Range(0, 100).Select(_ => GC.AllocateArray<float>(Length, pinned: true)).ToArray())
            {
                Assert.True(array.AsSpan().TrimStart(0f).IsEmpty);
                array.AsSpan().Fill(round);
                Assert.Equal(round, array[^1]);
            }
        }
    }

    [SkippableFact]
    public void A_peer_that_shows_file_after_file_takes_no_more_than_so_many_mappings()
    {
        var buffer = Filled();
        for (int i = 0; i < 3 * MemoryFile.MostAtOnce; i++) Assert.NotNull(Open(buffer));
        Assert.InRange(File.ReadLines("/proc/self/maps").Count(line => line.Contains("/memfd:disttrain", StringComparison.Ordinal)), 1, MemoryFile.MostAtOnce);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (float[], int) ArrayOf(float first)
    {
        var buffer = Filled(first: first);
        return (buffer.Array, buffer.Start);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FloatBuffer OpenedOnly() => Open(Filled(first: 5))!;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference<MemoryFile>[] MakeMany(int round) => [.. Enumerable.Range(0, 100).Select(i => new WeakReference<MemoryFile>(Filled(first: round + i).File!))];

    private static void Collect()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}
