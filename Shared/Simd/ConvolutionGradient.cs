namespace DistTrain.Simd;

/// <summary>
/// The gradient of a convolution's input. An input element meets the part of the kernel that the borders, and with a stride its remainder, leave: three rows of
/// a 3 x 3 kernel in the middle, two or one at the border. Elements that meet the same part form a kind, and a kind is one product over windows of dy:
/// nothing is padded, and no zero is multiplied.
/// </summary>
internal static unsafe class ConvolutionGradient
{
    // Samples computed together, so that kinds with few positions, the corners above all, fill their tiles: the results wait in a buffer of 1,024 x 64 floats
    // = 256 KiB until they are transposed.
    private const int PositionsTogether = 1024;

    public static void Run<TOps, TVector>(in ConvShape shape, float* dy, float* weight, float* dx, bool accumulate)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        int ins = shape.GroupInChannels, outs = shape.GroupOutChannels, kernel = shape.KernelH * shape.KernelW, plane = shape.Height * shape.Width;
        nint panelLanes = TOps.Lanes * TOps.PanelVectors, width = Math.Min(ConvolutionKernels.Width<TOps, TVector>(ins), panelLanes);
        var together = Math.Clamp(PositionsTogether / plane, 1, Math.Max(shape.Batch, 1));
        var kinds = Kinds.Of(shape, (int)width, together);
        var buffer = Scratch.Take(ScratchUse.Gradient, together * plane * width);
        for (var group = 0; group < shape.Groups; group++)
        {
            var weights = PackWeights(weight + ((nint)group * outs * ins * kernel), outs, ins, kernel, (int)width);
            for (var sample = 0; sample < shape.Batch; sample += together)
            for (nint lane = 0; lane < ins; lane += width)
            {
                nint lanes = Math.Min(width, ins - lane), samples = Math.Min(together, shape.Batch - sample), distance = (nint)shape.InChannels * plane;
                var result = dx + ((((nint)sample * shape.InChannels) + (group * ins) + lane) * plane);
                for (nint s = 0; accumulate && s < samples; s++)
                    Packing.Transpose<TOps, TVector>(result + (s * distance), plane, buffer + (s * plane * width), width, lanes, plane);
                var task = new TileTask
                {
                    Scalars = dy + ((((nint)sample * shape.OutChannels) + (group * outs)) * shape.OutHeight * shape.OutWidth),
                    Vectors = weights + (lane * outs * kernel), Result = buffer, Continue = accumulate,
                };
                for (var kind = 0; kind < kinds.Count; kind++)
                    RunKind<TOps, TVector>(kinds, kind, (int)samples, ref task, (int)((lanes + TOps.Lanes - 1) / TOps.Lanes));
                for (nint s = 0; s < samples; s++)
                    Packing.Transpose<TOps, TVector>(buffer + (s * plane * width), width, result + (s * distance), plane, plane, lanes);
            }
        }
    }

    private static void RunKind<TOps, TVector>(in Kinds kinds, int kind, int samples, ref TileTask task, int vectors)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        int first = kinds.PositionStarts[kind], positions = (kinds.PositionStarts[kind + 1] - first) / kinds.Together * samples, tiles = (positions + Tile.MaxRows - 1) / Tile.MaxRows;
        task.Depth = kinds.StepStarts[kind + 1] - kinds.StepStarts[kind];
        task.StepOffsets = kinds.StepOffsets + kinds.StepStarts[kind];
        task.VectorOffsets = kinds.VectorOffsets + kinds.StepStarts[kind];
        for (var tile = 0; tile < tiles; tile++)
        {
            int position = (int)((long)positions * tile / tiles), end = (int)((long)positions * (tile + 1) / tiles);
            task.RowOffsets = kinds.PositionOffsets + first + position;
            task.ResultOffsets = kinds.ResultOffsets + first + position;
            Tile.Run<TOps, TVector, PartialWindowWalk>(end - position, vectors, ref task);
        }
    }

    // Panels of [out channel, kernel element][in channel], all of one width.
    private static float* PackWeights(float* weight, int outs, int ins, int kernel, int width)
    {
        var panels = (ins + width - 1) / width;
        var packed = Scratch.Take(ScratchUse.Weights, (long)panels * outs * kernel * width);
        var target = packed;
        for (var lane = 0; lane < ins; lane += width)
        {
            var lanes = Math.Min(width, ins - lane);
            for (var o = 0; o < outs; o++, target += (nint)kernel * width)
            {
                if (lanes < width) new Span<float>(target, kernel * width).Clear();
                var source = weight + ((((nint)o * ins) + lane) * kernel);
                for (nint i = 0; i < lanes; i++, source += kernel)
                    for (nint element = 0; element < kernel; element++) target[(element * width) + i] = source[element];
            }
        }

        return packed;
    }

    /// <summary>The kinds of input elements: their positions, and the steps that they take.</summary>
    private struct Kinds
    {
        public int Count;

        /// <summary>Samples that the positions below are of.</summary>
        public int Together;

        /// <summary>
        /// Kind i's positions, sample after sample, are those from PositionStarts[i] to PositionStarts[i + 1]: where each begins to read dy, and its place in the
        /// result.
        /// </summary>
        public int* PositionStarts;
        public int* PositionOffsets;
        public int* ResultOffsets;

        /// <summary>Kind i's steps likewise: which element of dy, from the position's first, and which weights.</summary>
        public int* StepStarts;
        public int* StepOffsets;
        public int* VectorOffsets;

        public static Kinds Of(in ConvShape s, int width, int together)
        {
            // As many row kinds as rows at most, and so many columns; a part of the kernel is known by its first and last element.
            var parts = (Part*)Scratch.Take(ScratchUse.KernelParts, ((s.Height + s.Width) * 4L) + (2 * (((long)s.Height * s.Width) + 1)));
            Part* rows = parts, columns = parts + s.Height;
            var starts = (int*)(columns + s.Width);
            var (rowSteps, columnSteps) = (Parts(rows, s.Height, s.OutHeight, s.KernelH, s.StrideH, s.PadH, s.DilationH), Parts(columns, s.Width, s.OutWidth, s.KernelW, s.StrideW, s.PadW, s.DilationW));
            var kinds = new Kinds
            {
                Together = together, PositionStarts = starts, StepStarts = starts + ((long)s.Height * s.Width) + 1,
                PositionOffsets = (int*)Scratch.Take(ScratchUse.RowOffsets, (long)together * s.Height * s.Width),
                ResultOffsets = (int*)Scratch.Take(ScratchUse.ResultOffsets, (long)together * s.Height * s.Width),
                StepOffsets = (int*)Scratch.Take(ScratchUse.StepOffsets, (long)s.GroupOutChannels * rowSteps * columnSteps),
                VectorOffsets = (int*)Scratch.Take(ScratchUse.VectorOffsets, (long)s.GroupOutChannels * rowSteps * columnSteps),
            };
            kinds.PositionStarts[0] = kinds.StepStarts[0] = 0;
            for (var row = 0; row < s.Height; row++)
            {
                if (!IsFirst(rows, row)) continue;
                for (var column = 0; column < s.Width; column++)
                    if (IsFirst(columns, column)) kinds.Add(s, width, rows, rows[row], columns, columns[column]);
            }

            return kinds;
        }

        private void Add(in ConvShape s, int width, Part* rows, Part rowPart, Part* columns, Part columnPart)
        {
            int position = PositionStarts[Count], step = StepStarts[Count];
            for (var sample = 0; sample < Together; sample++)
            for (var row = 0; row < s.Height; row++)
            {
                if (!rows[row].IsSameAs(rowPart)) continue;
                for (var column = 0; column < s.Width; column++)
                {
                    if (!columns[column].IsSameAs(columnPart)) continue;
                    PositionOffsets[position] = (((sample * s.OutChannels * s.OutHeight) + rows[row].Output) * s.OutWidth) + columns[column].Output;
                    ResultOffsets[position++] = ((((sample * s.Height) + row) * s.Width) + column) * width;
                }
            }

            var firstStep = step;
            for (var kh = rowPart.First; kh <= rowPart.Last; kh += rowPart.Step)
            for (var kw = columnPart.First; kw <= columnPart.Last; kw += columnPart.Step)
            {
                int up = (kh - rowPart.First) * s.DilationH / s.StrideH, left = (kw - columnPart.First) * s.DilationW / s.StrideW;
                StepOffsets[step] = -(up * s.OutWidth) - left;
                VectorOffsets[step++] = ((kh * s.KernelW) + kw) * width;
            }

            // The other output channels: the same again, a plane and a kernel further.
            int each = step - firstStep, all = firstStep + (each * s.GroupOutChannels);
            for (; step < all; step++)
            {
                StepOffsets[step] = StepOffsets[step - each] + (s.OutHeight * s.OutWidth);
                VectorOffsets[step] = VectorOffsets[step - each] + (s.KernelH * s.KernelW * width);
            }

            Count++;
            PositionStarts[Count] = position;
            StepStarts[Count] = step;
        }

        // Fills in the part of the kernel that each input row (or column) meets; returns the elements of all different parts together.
        private static long Parts(Part* parts, int size, int outSize, int kernel, int stride, int pad, int dilation)
        {
            var total = 0L;
            for (var index = 0; index < size; index++)
            {
                int first = -1, last = -2, previous = -1, step = 1, count = 0;
                for (var k = 0; k < kernel; k++)
                {
                    var shifted = index + pad - (k * dilation);
                    if (shifted < 0 || shifted % stride != 0 || shifted / stride >= outSize) continue;
                    if (first < 0) first = k;
                    else step = k - previous; // Remainders repeat: every step is the same.
                    previous = last = k;
                    count++;
                }

                parts[index] = new Part(first, last, step, first < 0 ? 0 : (index + pad - (first * dilation)) / stride);
                if (IsFirst(parts, index)) total += count;
            }

            return total;
        }

        private static bool IsFirst(Part* parts, int index)
        {
            for (var before = 0; before < index; before++)
                if (parts[before].IsSameAs(parts[index])) return false;
            return true;
        }
    }

    // A part of the kernel in one direction, empty where Last is below First, and the output row (or column) to which its first element leads.
    private readonly record struct Part(int First, int Last, int Step, int Output)
    {
        public bool IsSameAs(Part other) => First == other.First && Last == other.Last && Step == other.Step;
    }
}
