using System.Collections.Immutable;
using DistTrain.Coordinator.Reduction;
using DistTrain.Coordinator.Scheduling;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Tests.Coordinator;

/// <summary>Ledgers, plans and boards by themselves, without actors.</summary>
public sealed class PlainPartsTests
{
    [Fact]
    public void Any_cover_of_the_tree_in_any_order_completes_a_ledger_exactly_once()
    {
        var random = new Random(5);
        for (int round = 0; round < 300; round++)
        {
            int leaves = random.Next(1, 40);
            var ledger = new ContributionLedger(leaves, null);
            ledger.Begin(round);
            int offers = 0;
            while (!ledger.IsComplete)
            {
                int lo = random.Next(leaves), hi = random.Next(lo + 1, leaves + 1);
                var nodes = new List<TreeNode>();
                ReductionTree.Cover(lo, hi, leaves, nodes);
                Assert.Equal(hi - lo, nodes.Sum(node => node.Length));
                var node = nodes[random.Next(nodes.Count)];
                Assert.True(ReductionTree.IsNode(node, leaves));
                var missing = ledger.Missing();
                var taken = ledger.Take(Entry(node));
                bool isNew = missing.Any(leaf => leaf >= node.Lo && leaf < node.Hi);
                Assert.Equal(isNew ? Taken.Counted : Taken.Duplicate, taken);
                Assert.True(++offers < 10_000);
            }
            Assert.Equal(Enumerable.Range(0, leaves), ledger.Results().Select(leaf => leaf.Piece));
            Assert.Empty(ledger.Missing());
        }
    }

    [Theory]
    [InlineData(1, 16384)]
    [InlineData(2, 20000)]
    [InlineData(3, 1 << 20)]
    [InlineData(7, 40000)]
    public void Buckets_cover_the_layout_once_and_are_cut_at_block_borders(int servers, int bytes)
    {
        var layout = new ParameterLayout([("w", [123, 457]), ("b", [11])], [("running_mean", [300])]);
        var plan = new BucketPlan(layout, servers, bytes);
        int next = 0;
        foreach (var bucket in plan.Buckets.Where(b => !b.IsStatistics))
        {
            Assert.Equal(next, bucket.Offset);
            Assert.Equal(0, bucket.Offset % ParameterLayout.BlockLength);
            Assert.True(bucket.Blocks == 1 || bucket.Length * sizeof(float) <= bytes);
            next += bucket.Length;
        }
        Assert.Equal(layout.ParameterLength, next);
        Assert.Equal(layout.Length, plan.Buckets[^1].Offset + plan.Buckets[^1].Length);
        Assert.Equal(Enumerable.Range(0, servers), plan.Buckets.Select(b => b.Server).Distinct());
    }

    [Fact]
    public void A_version_that_somebody_reads_is_never_written_again()
    {
        var store = new WeightStore(0, new FloatBuffer(8));
        Assert.True(store.TryRead(0, out var reader));
        var kept = reader.Weights;
        for (long version = 1; version < 6; version++) store.Open(version).Span.Fill(version);
        Assert.All(kept.Span.ToArray(), value => Assert.Equal(0f, value));
        Assert.False(store.TryRead(0, out _));
        Assert.True(store.TryRead(5, out var newest));
        Assert.Equal(5f, newest.Weights.Span[0]);
        reader.Dispose();
        newest.Dispose();
        int made = store.Allocated;
        for (long version = 6; version < 40; version++) store.Open(version);
        Assert.Equal(made, store.Allocated);
    }

    [Fact]
    public void A_slow_reader_costs_one_buffer_more_and_not_one_for_each_version()
    {
        var store = new WeightStore(0, new FloatBuffer(8));
        for (long version = 0; version < 200; version++)
        {
            Assert.True(store.TryRead(version, out var reader));
            float first = reader.Weights.Span[0];
            for (long next = version + 1; next <= version + 3; next++) store.Open(next).Span.Fill(next);
            Assert.Equal(first, reader.Weights.Span[0]);
            reader.Dispose();
            version += 2;
        }
        Assert.InRange(store.Allocated, 2, 4);
    }

    [Fact]
    public async Task Readers_and_a_writer_beside_each_other_never_see_a_version_half_written()
    {
        const int Length = 64, Last = 20_000;
        var store = new WeightStore(0, new FloatBuffer(Length));
        long newest = 0;
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            for (long seen = 0; seen < Last;)
            {
                seen = Volatile.Read(ref newest);
                if (!store.TryRead(seen, out var lease)) continue;
                using (lease)
                    foreach (float value in lease.Weights.Span) Assert.Equal(lease.Version, (long)value);
            }
        })).ToArray();
        for (long version = 1; version <= Last; version++)
        {
            store.Open(version).Span.Fill(version);
            Volatile.Write(ref newest, version);
        }
        await Task.WhenAll(readers).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.InRange(store.Allocated, 2, 16);
    }

    [Fact]
    public void Shards_go_to_workers_in_runs_of_nearly_equal_length()
    {
        for (int shards = 1; shards < 20; shards++)
        {
            for (int count = 1; count < 24; count++)
            {
                var owners = ShardAssignment.Contiguous([.. Enumerable.Range(0, count).Select(i => new WorkerId(i))], shards);
                Assert.Equal(shards, owners.Length);
                Assert.Equal(owners.OrderBy(owner => owner.Value), owners);
                var sizes = owners.GroupBy(owner => owner).Select(group => group.Count()).ToList();
                Assert.Equal(Math.Min(shards, count), sizes.Count);
                Assert.True(sizes.Max() - sizes.Min() <= 1);
            }
        }
    }

    [Fact]
    public void Pieces_are_handed_out_once_and_again_only_when_their_worker_is_lost()
    {
        var plan = LinearJob.Plan(shards: 5, epochs: 2);
        var random = new Random(3);
        var queue = new PieceQueue<int>(plan, 0) { Horizon = plan.TotalSteps };
        var applied = new HashSet<(long, int)>();
        var out_ = new List<(int Worker, (long Step, int Leaf) Piece)>();
        while (true)
        {
            int worker = random.Next(4);
            if (random.Next(5) == 0)
            {
                queue.Lose(worker);
                out_.RemoveAll(held => held.Worker == worker);
            }
            else if (random.Next(2) == 0 && out_.Count > 0)
            {
                var held = out_[random.Next(out_.Count)];
                out_.Remove(held);
                Assert.True(queue.Has(held.Worker, held.Piece.Step, held.Piece.Leaf));
                Assert.False(queue.Take(held.Worker + 1, held.Piece.Step, held.Piece.Leaf), "a piece was taken from a worker that does not have it");
                Assert.True(queue.Take(held.Worker, held.Piece.Step, held.Piece.Leaf));
                Assert.True(applied.Add(held.Piece));
                queue.Applied(held.Piece.Step);
            }
            else if (queue.TryHandOut(worker, out var piece)) out_.Add((worker, piece));
            else if (out_.Count == 0) break;
        }
        int expected = Enumerable.Range(0, (int)plan.TotalSteps).Sum(step => Enumerable.Range(0, plan.Pieces).Count(i => plan.Piece(step, i).Count > 0));
        Assert.Equal(expected, applied.Count);
        for (long step = 0; step < plan.TotalSteps; step++) Assert.True(queue.TryFinish(step));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    public void Clocks_of_local_steps_cover_every_step_once_and_end_each_epoch(int steps)
    {
        var plan = LinearJob.Plan(epochs: 5);
        var clocks = new ClockPlan(plan, new Consistency.Local(steps));
        long next = 0;
        var ends = new List<long>();
        for (long clock = 0; clock < clocks.Count; clock++)
        {
            var (first, end) = clocks.StepsOf(clock);
            Assert.Equal(next, first);
            next = end;
            Assert.Equal(clocks.EndsEpoch(clock), Enumerable.Range((int)first, (int)(end - first)).Any(step => plan.EndsEpoch(step)));
            if (clocks.EndsEpoch(clock)) Assert.True(plan.EndsEpoch(clocks.EndOfEpochStep(clock)));
        }
        Assert.Equal(plan.TotalSteps, next);
    }

    private static ContributionLedger.Entry Entry(TreeNode node) => new(
        node, new Gradients.Contribution(new Gradients.Name(default, default, 0, 0, node.Lo, node.Hi), default, 1f, 0, [.. Enumerable.Range(node.Lo, node.Length).Select(leaf => new Gradients.Leaf(leaf, 1, 1, 0, 0, 0))], 0),
        new TensorSlice(new FloatBuffer(1), 0, 1), null);
}
