using System.Runtime.CompilerServices;

namespace DistTrain.Simd;

/// <summary>
/// Convolution as products that read windows of the image where it lies: no column matrix is ever built. <see cref="Tile"/> takes channels as its lanes
/// and image elements, found through two small tables of offsets, as its scalars. docs/kernels.md explains it with a picture.
/// </summary>
internal static unsafe class ConvolutionKernels
{
    // Positions between two visits of the output: whole transposed blocks (3 x 16), and a buffer of 48 x 64 floats = 12 KiB that stays in the level-1 cache.
    private const int GroupPositions = 48;

    // Steps that a group's tiles take before going on: 1,024 x 64 floats of the weight = 256 KiB, which the level-2 cache keeps for the next tile.
    private const int MaxDepth = 1024;

    // Positions, of as many samples as it takes, that one pass of the weight's gradient reduces: dy of them, transposed, is 512 x 64 floats = 128 KiB.
    private const int ReductionSteps = 512;

    public static void Forward<TOps, TVector>(in ConvShape shape, float* x, float* weight, float* bias, float* y, Activation activation)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        int ins = shape.GroupInChannels, outs = shape.GroupOutChannels, depth = ins * shape.KernelH * shape.KernelW, positions = shape.OutHeight * shape.OutWidth;
        var image = PaddedImage.OfInput(shape, samples: 1);
        var windows = new WindowProduct
        {
            Positions = positions, PositionOffsets = WindowTables.Outputs(ScratchUse.RowOffsets, shape, image, samples: 1), Steps = depth,
            StepOffsets = WindowTables.Kernel(ScratchUse.StepOffsets, shape, image), Channels = outs, Activation = activation, ResultStride = positions,
        };
        for (var group = 0; group < shape.Groups; group++)
        {
            windows.Weights = PackWeights<TOps, TVector>(weight + ((nint)group * outs * depth), depth, 1, outs, depth);
            windows.Bias = bias == null ? null : bias + (group * outs);
            for (var sample = 0; sample < shape.Batch; sample++)
            {
                windows.Image = image.Take(x + ((((nint)sample * shape.InChannels) + (group * ins)) * shape.Height * shape.Width));
                windows.Result = y + ((((nint)sample * shape.OutChannels) + (group * outs)) * positions);
                Run<TOps, TVector>(windows);
            }
        }
    }

    /// <summary>
    /// The forward product on dy, with kernel offsets counted backwards. With a stride, the input's elements fall into as many kinds as there are remainders, each
    /// reached by its own part of the kernel: a product per kind.
    /// </summary>
    public static void BackwardInput<TOps, TVector>(in ConvShape shape, float* dy, float* weight, float* dx, bool accumulate)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        int ins = shape.GroupInChannels, outs = shape.GroupOutChannels, plane = shape.Height * shape.Width, outPlane = shape.OutHeight * shape.OutWidth;
        var image = PaddedImage.OfOutput(shape);
        for (var group = 0; group < shape.Groups; group++)
        for (var row = 0; row < Math.Min(shape.StrideH, shape.Height); row++)
        for (var column = 0; column < Math.Min(shape.StrideW, shape.Width); column++)
        {
            int rows = (shape.Height - row + shape.StrideH - 1) / shape.StrideH, columns = (shape.Width - column + shape.StrideW - 1) / shape.StrideW;
            var stepOffsets = WindowTables.ReversedKernel(ScratchUse.StepOffsets, shape, image, row, column, out var steps);
            var dense = shape.StrideH == 1 && shape.StrideW == 1;
            var windows = new WindowProduct
            {
                Positions = rows * columns, PositionOffsets = WindowTables.Grid(ScratchUse.RowOffsets, rows, columns, image.Width, 1), Steps = steps, StepOffsets = stepOffsets,
                Weights = PackReversed<TOps, TVector>(shape, weight + ((nint)group * outs * ins * shape.KernelH * shape.KernelW), row, column, steps),
                Channels = ins, Accumulate = accumulate, ResultStride = plane,
                ResultOffsets = dense ? null : WindowTables.Grid(ScratchUse.ResultOffsets, rows, columns, shape.StrideH * shape.Width, shape.StrideW),
            };
            for (var sample = 0; sample < shape.Batch; sample++)
            {
                windows.Image = image.Take(dy + ((((nint)sample * shape.OutChannels) + (group * outs)) * outPlane));
                windows.Result = dx + ((((nint)sample * shape.InChannels) + (group * ins)) * plane) + (row * shape.Width) + column;
                Run<TOps, TVector>(windows);
            }
        }
    }

    /// <summary>
    /// The reduction runs over positions: dy is transposed to [position, out channel] and is the vector side, the scalars are the image elements that each
    /// kernel element meets. The chains of all samples go through a buffer [kernel element, out channel].
    /// </summary>
    public static void BackwardWeight<TOps, TVector>(in ConvShape shape, float* x, float* dy, float* dw, bool accumulate)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        int ins = shape.GroupInChannels, outs = shape.GroupOutChannels, depth = ins * shape.KernelH * shape.KernelW, positions = shape.OutHeight * shape.OutWidth;
        nint panelLanes = TOps.Lanes * TOps.PanelVectors, width = Width<TOps, TVector>(outs);
        var together = Math.Clamp(ReductionSteps / positions, 1, Math.Max(shape.Batch, 1)); // samples in one pass
        var image = PaddedImage.OfInput(shape, together);
        int* rowOffsets = WindowTables.Kernel(ScratchUse.RowOffsets, shape, image), stepOffsets = WindowTables.Outputs(ScratchUse.StepOffsets, shape, image, together);
        var task = new TileTask { ResultStride = width, Continue = true };
        for (var group = 0; group < shape.Groups; group++)
        {
            var sums = Scratch.Take(ScratchUse.Weights, depth * width);
            var target = dw + ((nint)group * outs * depth);
            new Span<float>(sums, checked((int)(depth * width))).Clear();
            if (accumulate) Packing.Transpose<TOps, TVector>(target, depth, sums, width, outs, depth);
            for (var sample = 0; sample < shape.Batch; sample += together)
            {
                var samples = Math.Min(together, shape.Batch - sample);
                task.Scalars = image.Take(x + ((((nint)sample * shape.InChannels) + (group * ins)) * shape.Height * shape.Width), samples);
                var gradient = dy + ((((nint)sample * shape.OutChannels) + (group * outs)) * positions);
                for (nint first = 0; first < positions; first += samples > 1 ? positions : ReductionSteps)
                for (nint lane = 0; lane < outs; lane += panelLanes)
                {
                    nint count = samples > 1 ? positions : Math.Min(ReductionSteps, positions - first), lanes = Math.Min(panelLanes, outs - lane);
                    task.Depth = samples * count;
                    task.StepOffsets = stepOffsets + first;
                    task.VectorStride = Width<TOps, TVector>(lanes);
                    task.Vectors = Scratch.Take(ScratchUse.Gradient, task.Depth * task.VectorStride);
                    for (nint s = 0; s < samples; s++)
                    {
                        Packing.Panel<TOps, TVector>(
                            gradient + (((s * shape.OutChannels) + lane) * positions) + first, positions, 1, task.Vectors + (s * count * task.VectorStride), count, lanes,
                            task.VectorStride);
                    }

                    RunTiles<TOps, TVector>(ref task, rowOffsets, depth, sums + lane, (int)(task.VectorStride / TOps.Lanes));
                }
            }

            Packing.Transpose<TOps, TVector>(sums, width, target, depth, depth, outs);
        }
    }

    // Position groups in the outer loop: their buffer is written out once, bias and activation included.
    private static void Run<TOps, TVector>(in WindowProduct windows)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        nint panelLanes = TOps.Lanes * TOps.PanelVectors;
        var buffer = Scratch.Take(ScratchUse.ResultTile, GroupPositions * panelLanes);
        var task = new TileTask { Scalars = windows.Image, ResultStride = panelLanes };
        nint groups = (windows.Positions + GroupPositions - 1) / GroupPositions;
        for (nint lane = 0; lane < windows.Channels; lane += panelLanes)
        for (nint group = 0; group < groups; group++)
        {
            // Cut evenly: a last group of few positions would be slow to transpose.
            nint position = windows.Positions * group / groups, positions = (windows.Positions * (group + 1) / groups) - position;
            nint lanes = Math.Min(panelLanes, windows.Channels - lane);
            var result = windows.Result + (lane * windows.ResultStride);
            if (windows.Accumulate) Load<TOps, TVector>(windows, result, position, positions, lanes, buffer, panelLanes);
            nint first = 0;
            do
            {
                task.Depth = Math.Min(MaxDepth, windows.Steps - first);
                task.StepOffsets = windows.StepOffsets + first;
                task.VectorStride = Width<TOps, TVector>(lanes);
                task.Vectors = windows.Weights + (lane * windows.Steps) + (first * task.VectorStride);
                task.Continue = first > 0 || windows.Accumulate;
                RunTiles<TOps, TVector>(ref task, windows.PositionOffsets + position, positions, buffer, (int)(task.VectorStride / TOps.Lanes));
                first += MaxDepth;
            }
            while (first < windows.Steps);

            if (windows.Bias != null || windows.Activation != Activation.None)
                Epilogue.Apply<TOps, TVector>(buffer, panelLanes, positions, lanes, windows.Bias == null ? null : windows.Bias + lane, windows.Activation);
            Store<TOps, TVector>(windows, result, position, positions, lanes, buffer, panelLanes);
        }
    }

    private static void RunTiles<TOps, TVector>(ref TileTask task, int* rowOffsets, nint rows, float* result, int vectors)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        var tiles = (rows + Tile.MaxRows - 1) / Tile.MaxRows;
        for (nint tile = 0; tile < tiles; tile++)
        {
            nint row = rows * tile / tiles, height = (rows * (tile + 1) / tiles) - row;
            task.RowOffsets = rowOffsets + row;
            task.Result = result + (row * task.ResultStride);
            Tile.Run<TOps, TVector, TableWalk>((int)height, vectors, ref task);
        }
    }

    private static void Load<TOps, TVector>(in WindowProduct windows, float* result, nint position, nint positions, nint lanes, float* buffer, nint stride)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        if (windows.ResultOffsets == null)
        {
            Packing.Transpose<TOps, TVector>(result + position, windows.ResultStride, buffer, stride, lanes, positions);
            return;
        }

        for (nint p = 0; p < positions; p++)
            for (nint lane = 0; lane < lanes; lane++) buffer[(p * stride) + lane] = result[(lane * windows.ResultStride) + windows.ResultOffsets[position + p]];
    }

    private static void Store<TOps, TVector>(in WindowProduct windows, float* result, nint position, nint positions, nint lanes, float* buffer, nint stride)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        if (windows.ResultOffsets == null)
        {
            Packing.Transpose<TOps, TVector>(buffer, stride, result + position, windows.ResultStride, positions, lanes);
            return;
        }

        for (nint lane = 0; lane < lanes; lane++)
            for (nint p = 0; p < positions; p++) result[(lane * windows.ResultStride) + windows.ResultOffsets[position + p]] = buffer[(p * stride) + lane];
    }

    private static nint Width<TOps, TVector>(nint lanes)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct => (lanes + TOps.Lanes - 1) / TOps.Lanes * TOps.Lanes;

    // Panel after panel, each [step][lane].
    private static float* PackWeights<TOps, TVector>(float* weight, nint laneStride, nint stepStride, nint channels, nint steps)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        nint panelLanes = TOps.Lanes * TOps.PanelVectors;
        var target = Scratch.Take(ScratchUse.Weights, steps * Width<TOps, TVector>(channels));
        for (nint lane = 0; lane < channels; lane += panelLanes)
        {
            var lanes = Math.Min(panelLanes, channels - lane);
            Packing.Panel<TOps, TVector>(weight + (lane * laneStride), laneStride, stepStride, target + (lane * steps), steps, lanes, Width<TOps, TVector>(lanes));
        }

        return target;
    }

    // The weight's elements that reach this kind of input element, as [step][input channel], in the order of WindowTables.ReversedKernel.
    private static float* PackReversed<TOps, TVector>(in ConvShape shape, float* weight, int row, int column, int steps)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        int ins = shape.GroupInChannels, kernel = shape.KernelH * shape.KernelW;
        nint panelLanes = TOps.Lanes * TOps.PanelVectors;
        var packed = Scratch.Take(ScratchUse.Weights, Math.Max(steps, 1) * Width<TOps, TVector>(ins));
        var target = packed;
        for (nint lane = 0; lane < ins; lane += panelLanes)
        {
            nint lanes = Math.Min(panelLanes, ins - lane), width = Width<TOps, TVector>(lanes);
            for (var o = 0; o < shape.GroupOutChannels; o++)
            for (var kh = 0; kh < shape.KernelH; kh++)
            for (var kw = 0; kw < shape.KernelW; kw++)
            {
                if (!WindowTables.Reaches(shape, row, column, kh, kw)) continue;
                var source = weight + ((((nint)o * ins) + lane) * kernel) + (kh * shape.KernelW) + kw;
                for (nint i = 0; i < width; i++) *target++ = i < lanes ? source[i * kernel] : 0;
            }
        }

        return packed;
    }
}
