using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

public class PoolingTests
{
    public static TheoryData<PoolShape> Shapes =>
    [
        new(3, 26, 26, 2, 2, 2, 2), new(2, 11, 11, 2, 2, 2, 2), new(2, 7, 40, 3, 3, 1, 1), new(2, 9, 37, 3, 2, 2, 2), new(2, 9, 12, 3, 3, 2, 2, 1, 1),
        new(1, 5, 5, 5, 5, 1, 1), new(2, 9, 41, 2, 2, 2, 2), new(2, 4, 100, 2, 2, 2, 2), new(1, 2, 64, 2, 2, 2, 2), new(3, 5, 67, 2, 2, 2, 2), new(2, 13, 50, 3, 3, 3, 3), new(1, 8, 33, 2, 1, 2, 1, 1, 0), new(4, 2, 2, 2, 2, 2, 2), new(1, 1, 100, 1, 2, 1, 2),
    ];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_maximum_and_its_place_are_the_windows_first_largest(PoolShape shape)
    {
        var x = Reference.Random(shape.InputLength, 1);
        for (var i = 0; i < x.Length; i++) x[i] = MathF.Round(x[i] * 4); // Many equals.
        x[x.Length / 3] = float.NaN;
        x[0] = float.NegativeInfinity;
        x[x.Length / 2] = float.PositiveInfinity;
        float[] y = new float[shape.OutputLength];
        var argmax = new int[y.Length];
        Pooling.MaxForward(shape, x, y, argmax);
        foreach (var (at, plane, cells) in Windows(shape))
        {
            var best = float.NegativeInfinity;
            var index = cells[0];
            foreach (var cell in cells)
            {
                var value = x[plane + cell];
                if (value > best || float.IsNaN(value)) (best, index) = (value, cell);
            }

            Assert.True(best.Equals(y[at]) && index == argmax[at], $"{shape} output {at}: {y[at]} at {argmax[at]}, expected {best} at {index}");
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_gradient_of_the_maximum_goes_to_its_place(PoolShape shape)
    {
        float[] x = Reference.Random(shape.InputLength, 2), y = new float[shape.OutputLength], dy = Reference.Random(y.Length, 3), dx = Reference.Random(x.Length, 4);
        float[] expected = [.. dx];
        var argmax = new int[y.Length];
        Pooling.MaxForward(shape, x, y, argmax);
        foreach (var (at, plane, _) in Windows(shape)) expected[plane + argmax[at]] += dy[at];
        Pooling.MaxBackward(shape, dy, argmax, dx, accumulate: true);
        Reference.SameBits(expected, dx, $"{shape}");

        dy[0] = -0f;
        Pooling.MaxBackward(shape, dy, argmax, dx);
        Array.Clear(expected);
        foreach (var (at, plane, _) in Windows(shape)) expected[plane + argmax[at]] += dy[at];
        Reference.SameBits(expected, dx, $"{shape} from zeros");
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_average_counts_padding_as_zeros(PoolShape shape)
    {
        float[] x = Reference.Random(shape.InputLength, 5), y = new float[shape.OutputLength], dy = Reference.Random(y.Length, 6), dx = new float[x.Length], expectedDx = new float[x.Length];
        Pooling.AverageForward(shape, x, y);
        Pooling.AverageBackward(shape, dy, dx);
        foreach (var (at, plane, cells) in Windows(shape))
        {
            var sum = 0f;
            foreach (var cell in cells) sum += x[plane + cell];
            // None of these shapes has a window that reaches beyond the padding.
            Assert.Equal(sum / (shape.KernelH * shape.KernelW), y[at]);
            foreach (var cell in cells) expectedDx[plane + cell] += dy[at] / (shape.KernelH * shape.KernelW);
        }

        Reference.SameBits(expectedDx, dx, $"{shape}");
    }

    [Fact]
    public void The_adaptive_average_covers_every_element_once_where_sizes_divide()
    {
        float[] x = Reference.Random(2 * 6 * 8, 7), y = new float[2 * 3 * 2], regular = new float[y.Length], dx = new float[x.Length], regularDx = new float[x.Length];
        Pooling.AdaptiveAverageForward(2, 6, 8, 3, 2, x, y);
        Pooling.AverageForward(new(2, 6, 8, 2, 4, 2, 4), x, regular);
        Reference.SameBits(regular, y, "forward");
        Pooling.AdaptiveAverageBackward(2, 6, 8, 3, 2, y, dx);
        Pooling.AverageBackward(new(2, 6, 8, 2, 4, 2, 4), y, regularDx);
        Reference.SameBits(regularDx, dx, "backward");
    }

    [Fact]
    public void The_adaptive_average_has_the_windows_of_PyTorch_where_sizes_do_not_divide()
    {
        // torch.nn.AdaptiveAvgPool2d((1, 3))(torch.arange(5.).view(1, 1, 1, 5)): windows [0, 2), [1, 4), [3, 5)
        var y = new float[3];
        Pooling.AdaptiveAverageForward(1, 1, 5, 1, 3, [0, 1, 2, 3, 4], y);
        Assert.Equal([0.5f, 2f, 3.5f], y);
    }

    // Each output: its index, where its plane begins, and the cells of its window that are not padding.
    private static IEnumerable<(int At, int Plane, List<int> Cells)> Windows(PoolShape s)
    {
        var at = 0;
        for (var plane = 0; plane < s.Planes; plane++)
        for (var oh = 0; oh < s.OutHeight; oh++)
        for (var ow = 0; ow < s.OutWidth; ow++)
        {
            var cells = new List<int>();
            for (var row = oh * s.StrideH - s.PadH; row < oh * s.StrideH - s.PadH + s.KernelH; row++)
            for (var column = ow * s.StrideW - s.PadW; column < ow * s.StrideW - s.PadW + s.KernelW; column++)
                if (row >= 0 && row < s.Height && column >= 0 && column < s.Width) cells.Add((row * s.Width) + column);
            yield return (at++, plane * s.Height * s.Width, cells);
        }
    }
}
