using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>The blocking around <see cref="Tile"/>: what is packed, in which order tiles run. docs/kernels.md explains it with a picture.</summary>
internal static unsafe class GemmKernels
{
    // A panel of the vector side is PanelLanes x MaxDepth floats: 512 KiB with AVX-512, half of a usual level-2 cache, from where it streams at full speed.
    // Rows of the scalar side of up to this length are taken whole, and so are one run of memory.
    private const int MaxDepth = 2048;

    // Up to this many rows, a copy of the vector side costs more than reading it where it lies: few tiles would read the copy.
    private const int InPlaceRows = 192;

    // A panel read in place is in pieces of memory of its own width, which the processor does not foresee: it is brought near while the panel before is
    // computed. Rows 8 KiB apart, as of a matrix of 2,048 columns, meet in few sets of the level-2 cache: 128 of them take 16 of the 16 ways of each in a cache
    // of 1 MiB, 8 in one of 2 MiB. Twice as many drop each other before they are used.
    private const int InPlaceDepth = 128;

    // Rows between two visits of C: whole transposed blocks (3 x 16), and a tile buffer of 48 x 64 floats = 12 KiB that stays in the level-1 cache.
    private const int GroupRows = 48;

    // Bounds the packed scalar side: 4,096 rows x MaxDepth floats = 32 MiB.
    private const int BlockRows = 4096;

    // Multiply-adds from which on sharing a product pays: 30 microseconds of one core, some times what waking a helper costs.
    private const double SharedFrom = 1 << 20;

    // Floats of a result from which on it is stored past the caches: 4 MiB, twice a large level-2 cache. 2048 x 2048 x 128 TN rises from 0.71 to 0.80 of peak.
    private const nint PastFrom = 1 << 20;

    private const int WidestVector = 64;

    // The scalar side is packed where its rows lie side by side, once this many panels read it.
    private const int PackScalarsFrom = 3;

    public static void Run(
        SimdLevel level, bool transposeA, bool transposeB, int m, int n, int k, ReadOnlySpan<float> a, int lda, ReadOnlySpan<float> b, int ldb,
        Span<float> c, int ldc, bool accumulate, ReadOnlySpan<float> bias = default, Activation activation = Activation.None)
    {
        if (m == 0 || n == 0) return;
        fixed (float* pa = a, pb = b, pc = c, pBias = bias)
        {
            var product = new MatrixProduct
            {
                Rows = m, Lanes = n, Depth = k,
                Scalars = pa, ScalarRowStride = transposeA ? 1 : lda, ScalarStepStride = transposeA ? lda : 1,
                Vectors = pb, VectorLaneStride = transposeB ? ldb : 1, VectorStepStride = transposeB ? 1 : ldb,
                Result = pc, ResultRowStride = ldc, ResultLaneStride = 1,
                Accumulate = accumulate, Bias = pBias, Activation = activation,
            };
            switch (level)
            {
                case SimdLevel.Avx512: Run<Avx512Ops, Vector512<float>>(product); break;
                case SimdLevel.Avx2: Run<Avx2Ops, Vector256<float>>(product); break;
                default: Run<PortableOps, Vector128<float>>(product); break;
            }
        }
    }

    private static void Run<TOps, TVector>(in MatrixProduct natural)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        var exchanged = natural.Exchanged();
        var product = Cost<TOps, TVector>(natural) <= Cost<TOps, TVector>(exchanged) ? natural : exchanged;
        if (KernelThreads.Current is { Count: > 1 } threads && (double)product.Rows * product.Lanes * product.Depth >= SharedFrom)
            threads.Run(&RunPart<TOps, TVector>, &product);
        else
            RunPart<TOps, TVector>(&product, 0, 1);
    }

    // Cut between panels where there are enough of them, else between tiles; either way every chain stays whole.
    private static void RunPart<TOps, TVector>(void* context, int part, int parts)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        ref var whole = ref *(MatrixProduct*)context;
        nint panelLanes = TOps.Lanes * TOps.PanelVectors, panels = (whole.Lanes + panelLanes - 1) / panelLanes, tiles = (whole.Rows + Tile.MaxRows - 1) / Tile.MaxRows;
        nint row = 0, rows = whole.Rows, lane = 0, lanes = whole.Lanes;
        if (panels >= 2 * parts)
        {
            lane = panels * part / parts * panelLanes;
            lanes = Math.Min(whole.Lanes, panels * (part + 1) / parts * panelLanes) - lane;
        }
        else
        {
            row = tiles * part / parts * Tile.MaxRows;
            rows = Math.Min(whole.Rows, tiles * (part + 1) / parts * Tile.MaxRows) - row;
        }

        for (nint first = 0; first < rows; first += BlockRows)
            RunRows<TOps, TVector>(whole.Slice(row + first, Math.Min(BlockRows, rows - first), lane, lanes));
    }

    // Rough cycles: multiply-adds at two vectors a cycle (fewer than 8 chains wait for each other), a third of a cycle to transpose an element, a tenth to
    // copy one in whole vectors, 0.4 by sixes.
    private static double Cost<TOps, TVector>(in MatrixProduct p)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        var vectors = (p.Lanes + TOps.Lanes - 1) / TOps.Lanes;
        var chains = Math.Min(vectors, TOps.PanelVectors) * Math.Min(p.Rows, Tile.MaxRows);
        var cycles = 0.5 * vectors * p.Rows * p.Depth * (chains < 8 ? 8.0 / chains : 1);
        cycles += (p.VectorLaneStride == 1 ? 0.1 : 0.33) * p.Lanes * p.Depth;
        if (p.ScalarRowStride == 1) cycles += 0.4 * p.Rows * p.Depth;
        if (p.ResultLaneStride != 1) cycles += (p.Accumulate ? 1.0 : 0.5) * p.Rows * p.Lanes;
        return cycles;
    }

    private static void RunRows<TOps, TVector>(in MatrixProduct p)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        nint rows = p.Rows, panelLanes = TOps.Lanes * TOps.PanelVectors, panels = (p.Lanes + panelLanes - 1) / panelLanes;
        var inPlace = ReadsInPlace<TOps, TVector>(p, rows);
        nint maxDepth = inPlace ? InPlaceDepth : MaxDepth;
        nint blocks = Math.Max(1, (p.Depth + maxDepth - 1) / maxDepth);
        var packScalars = p.ScalarRowStride == 1 && p.ScalarStepStride != 1 && panels >= PackScalarsFrom;
        var past = blocks == 1 && StoresPast(p);
        for (nint block = 0; block < blocks; block++)
        {
            nint step = p.Depth * block / blocks, steps = (p.Depth * (block + 1) / blocks) - step;
            var task = new TileTask
            {
                Depth = steps, Continue = block > 0 || p.Accumulate, RowStride = p.ScalarRowStride, DepthStride = p.ScalarStepStride,
            };
            var scalars = p.Scalars + (step * p.ScalarStepStride);
            float* packed = packScalars ? PackScalars(scalars, p.ScalarStepStride, rows, steps) : null;
            for (nint panel = 0; panel < panels; panel++)
            {
                nint lane = panel * panelLanes, lanes = Math.Min(panelLanes, p.Lanes - lane);
                var vectors = p.Vectors + (lane * p.VectorLaneStride) + (step * p.VectorStepStride);
                task.Vectors = vectors;
                task.VectorStride = p.VectorStepStride;
                if (!inPlace)
                {
                    task.VectorStride = (lanes + TOps.Lanes - 1) / TOps.Lanes * TOps.Lanes;
                    task.Vectors = Scratch.Take(ScratchUse.VectorPanel, task.VectorStride * steps);
                    Packing.Panel<TOps, TVector>(vectors, p.VectorLaneStride, p.VectorStepStride, task.Vectors, steps, lanes, task.VectorStride);
                }

                var ahead = inPlace && panel + 1 < panels ? vectors + panelLanes : null;
                for (nint row = 0; row < rows; row += GroupRows)
                {
                    var groupRows = Math.Min(GroupRows, rows - row);
                    task.Scalars = packScalars ? packed + (row * steps) : scalars + (row * p.ScalarRowStride);
                    RunGroup<TOps, TVector>(p, ref task, row == 0 ? ahead : null, row, groupRows, lane, lanes, packScalars, past);
                    if (block == blocks - 1) Finish<TOps, TVector>(p, row, groupRows, lane, lanes);
                }
            }
        }

        // Such stores wait for no others: whoever is told of the result must find it.
        if (past) Interlocked.MemoryBarrier();
    }

    // A large result that nobody reads soon: its lines need not be fetched before they are overwritten, nor drive the operands out of the caches.
    private static bool StoresPast(in MatrixProduct p) =>
        p.Rows * p.Lanes >= PastFrom && !p.Accumulate && p.Bias == null && p.Activation == Activation.None
        && p.ResultLaneStride == 1 && (nuint)p.Result % WidestVector == 0 && p.ResultRowStride % (WidestVector / sizeof(float)) == 0;

    // The vector side is read where it lies if its lanes are whole vectors side by side, and few rows read it or it is no wider than a panel.
    private static bool ReadsInPlace<TOps, TVector>(in MatrixProduct p, nint rows)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct =>
        p.VectorLaneStride == 1 && p.Lanes % TOps.Lanes == 0 && (rows <= InPlaceRows || p.VectorStepStride <= TOps.Lanes * TOps.PanelVectors);

    // Tile after tile, each [step][row], in the cuts that RunGroup makes.
    private static float* PackScalars(float* source, nint stepStride, nint rows, nint steps)
    {
        var target = Scratch.Take(ScratchUse.ScalarPanel, (rows * steps) + Vector256<float>.Count);
        for (nint group = 0; group < rows; group += GroupRows)
        {
            nint groupRows = Math.Min(GroupRows, rows - group), tiles = (groupRows + Tile.MaxRows - 1) / Tile.MaxRows;
            for (nint tile = 0; tile < tiles; tile++)
            {
                nint row = groupRows * tile / tiles, height = (groupRows * (tile + 1) / tiles) - row;
                Packing.ScalarTile(source + group + row, stepStride, target + ((group + row) * steps), steps, height);
            }
        }

        return target;
    }

    // Cuts a group of rows evenly into tiles (16 rows are 6, 5 and 5, not 6, 6 and 4). Where C cannot take whole vectors (its lanes are not side by side, or do
    // not fill a vector), the group is computed in a buffer.
    private static void RunGroup<TOps, TVector>(in MatrixProduct p, ref TileTask task, float* panelAhead, nint row, nint rows, nint lane, nint lanes, bool packed, bool past)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        nint vectors = (lanes + TOps.Lanes - 1) / TOps.Lanes, tiles = (rows + Tile.MaxRows - 1) / Tile.MaxRows;
        var result = p.Result + (row * p.ResultRowStride) + (lane * p.ResultLaneStride);
        var direct = p.ResultLaneStride == 1 && lanes % TOps.Lanes == 0;
        task.ResultStride = direct ? p.ResultRowStride : TOps.Lanes * TOps.PanelVectors;
        task.StorePast = direct && past;
        var target = direct ? result : Scratch.Take(ScratchUse.ResultTile, GroupRows * TOps.Lanes * TOps.PanelVectors);
        if (!direct && task.Continue)
        {
            if (p.ResultLaneStride == 1) Packing.Copy(result, p.ResultRowStride, target, task.ResultStride, rows, lanes);
            else Packing.Transpose<TOps, TVector>(result, p.ResultLaneStride, target, task.ResultStride, lanes, rows);
        }

        var scalars = task.Scalars;
        // A line every second step, where there are tiles enough: a core waits for 10 to 16 lines at once, which at 100 ns is one in 20 to 30 cycles, and a step takes 12.
        nint apart = tiles >= 2 * TOps.PanelVectors ? 2 : 1, aheadTiles = apart * TOps.PanelVectors;
        for (nint tile = 0; tile < tiles; tile++)
        {
            nint from = rows * tile / tiles, height = (rows * (tile + 1) / tiles) - from;
            task.Scalars = scalars + (from * (packed ? task.Depth : task.RowStride));
            if (packed) (task.RowStride, task.DepthStride) = (1, height); // Each tile is dense, as high as it is.
            task.Result = target + (from * task.ResultStride);
            if (panelAhead == null || tile >= aheadTiles)
            {
                // The next tile's rows, where they are one run of memory; else nothing.
                var run = !packed && p.ScalarStepStride == 1 && p.ScalarRowStride == task.Depth;
                task.Ahead = task.Scalars + (run ? height * p.ScalarRowStride : 0);
                task.AheadStride = run ? height : 0;
                task.AheadMask = 0;
            }
            else
            {
                // One vector's column of the next panel, or a half of it.
                nint column = tile % TOps.PanelVectors, half = tile / TOps.PanelVectors;
                task.Ahead = panelAhead + (column * TOps.Lanes) + (half * (task.Depth / apart) * p.VectorStepStride);
                task.AheadMask = apart - 1;
                task.AheadStride = p.VectorStepStride;
            }

            Tile.Run<TOps, TVector, StrideWalk>((int)height, (int)vectors, ref task);
        }

        if (direct) return;
        if (p.ResultLaneStride == 1) Packing.Copy(target, task.ResultStride, result, p.ResultRowStride, rows, lanes);
        else Packing.Transpose<TOps, TVector>(target, task.ResultStride, result, p.ResultLaneStride, rows, lanes);
    }

    // Bias and activation while the group is still in the level-1 cache.
    private static void Finish<TOps, TVector>(in MatrixProduct p, nint row, nint rows, nint lane, nint lanes)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        if (p.Bias == null && p.Activation == Activation.None) return;
        var result = p.Result + (row * p.ResultRowStride) + (lane * p.ResultLaneStride);
        if (!p.IsExchanged)
            Epilogue.Apply<TOps, TVector>(result, p.ResultRowStride, rows, lanes, p.Bias == null ? null : p.Bias + lane, p.Activation);
        else
            Epilogue.Apply<TOps, TVector>(result, p.ResultLaneStride, lanes, rows, p.Bias == null ? null : p.Bias + row, p.Activation);
    }
}
