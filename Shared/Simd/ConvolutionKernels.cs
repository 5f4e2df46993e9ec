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
    /// The reduction runs over positions: dy is transposed to [position, out channel] and is the vector side, the scalars are the image elements that each
    /// kernel element meets. The chains of all samples go through a buffer [kernel element, out channel]. Computes <paramref name="elements"/> of a channel's
    /// kernel elements, from <paramref name="first"/> on.
    /// </summary>
    public static void BackwardWeight<TOps, TVector>(in ConvShape shape, float* x, float* dy, float* dw, bool accumulate, int first, int elements)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        int ins = shape.GroupInChannels, outs = shape.GroupOutChannels, depth = ins * shape.KernelH * shape.KernelW, positions = shape.OutHeight * shape.OutWidth;
        nint panelLanes = TOps.Lanes * TOps.PanelVectors, width = Width<TOps, TVector>(outs);
        var together = Math.Clamp(ReductionSteps / positions, 1, Math.Max(shape.Batch, 1)); // samples in one pass
        var image = PaddedImage.OfInput(shape, together);
        int* rowOffsets = WindowTables.Kernel(ScratchUse.RowOffsets, shape, image) + first, stepOffsets = WindowTables.Outputs(ScratchUse.StepOffsets, shape, image, together);
        var task = new TileTask { ResultStride = width, Continue = true };
        for (var group = 0; group < shape.Groups; group++)
        {
            var sums = Scratch.Take(ScratchUse.Weights, elements * width);
            var target = dw + ((nint)group * outs * depth) + first;
            new Span<float>(sums, checked((int)(elements * width))).Clear();
            if (accumulate) Packing.Transpose<TOps, TVector>(target, depth, sums, width, outs, elements);
            for (var sample = 0; sample < shape.Batch; sample += together)
            {
                var samples = Math.Min(together, shape.Batch - sample);
                task.Scalars = image.Take(x + ((((nint)sample * shape.InChannels) + (group * ins)) * shape.Height * shape.Width), samples);
                var gradient = dy + ((((nint)sample * shape.OutChannels) + (group * outs)) * positions);
                for (nint position = 0; position < positions; position += samples > 1 ? positions : ReductionSteps)
                for (nint lane = 0; lane < outs; lane += panelLanes)
                {
                    nint count = samples > 1 ? positions : Math.Min(ReductionSteps, positions - position), lanes = Math.Min(panelLanes, outs - lane);
                    task.Depth = samples * count;
                    task.StepOffsets = stepOffsets + position;
                    task.VectorStride = Width<TOps, TVector>(lanes);
                    task.Vectors = Scratch.Take(ScratchUse.Gradient, task.Depth * task.VectorStride);
                    for (nint s = 0; s < samples; s++)
                    {
                        Packing.Panel<TOps, TVector>(
                            gradient + (((s * shape.OutChannels) + lane) * positions) + position, positions, 1, task.Vectors + (s * count * task.VectorStride), count, lanes,
                            task.VectorStride);
                    }

                    RunTiles<TOps, TVector>(ref task, rowOffsets, elements, sums + lane, (int)(task.VectorStride / TOps.Lanes));
                }
            }

            Packing.Transpose<TOps, TVector>(sums, width, target, depth, elements, outs);
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
            nint first = 0;
            do
            {
                task.Depth = Math.Min(MaxDepth, windows.Steps - first);
                task.StepOffsets = windows.StepOffsets + first;
                task.VectorStride = Width<TOps, TVector>(lanes);
                task.Vectors = windows.Weights + (lane * windows.Steps) + (first * task.VectorStride);
                task.Continue = first > 0;
                RunTiles<TOps, TVector>(ref task, windows.PositionOffsets + position, positions, buffer, (int)(task.VectorStride / TOps.Lanes));
                first += MaxDepth;
            }
            while (first < windows.Steps);

            if (windows.Bias != null || windows.Activation != Activation.None)
                Epilogue.Apply<TOps, TVector>(buffer, panelLanes, positions, lanes, windows.Bias == null ? null : windows.Bias + lane, windows.Activation);
            Packing.Transpose<TOps, TVector>(buffer, panelLanes, result + position, windows.ResultStride, positions, lanes);
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
            Tile.Run<TOps, TVector, WindowWalk>((int)height, vectors, ref task);
        }
    }

    internal static nint Width<TOps, TVector>(nint lanes)
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
}
