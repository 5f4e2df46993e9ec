using DistTrain.Coordinator.Reduction;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Tests.Coordinator;

public sealed class TreeSumTests
{
    /// <summary>Whatever nodes workers summed themselves and whatever leaves are absent, the passes that take several contributions at once have the bits of the tree's definition.</summary>
    [Fact]
    public void The_sum_has_the_bits_of_the_tree_one_addition_after_the_other()
    {
        var random = new Random(7);
        for (int round = 0; round < 400; round++)
        {
            // Every third tree is full of leaves, as with as many workers as shards.
            bool isFull = round % 3 == 0;
            int leaves = random.Next(1, isFull ? 40 : 24), length = random.Next(1, 5000);
            var ledger = new ContributionLedger(leaves, null);
            ledger.Begin(0);
            var tensors = new Dictionary<int, (TreeNode Node, float[] Values, float Scale)>();
            while (!ledger.IsComplete)
            {
                int lo = random.Next(leaves), hi = isFull ? lo + 1 : Math.Min(leaves, lo + random.Next(1, 5));
                var nodes = new List<TreeNode>();
                ReductionTree.Cover(lo, hi, leaves, nodes);
                var node = nodes[0];
                bool isAbsent = random.Next(isFull ? 60 : 6) == 0;
                var buffer = new FloatBuffer(isAbsent ? 0 : length + 3);
                for (int i = 0; i < buffer.Length; i++) buffer.Span[i] = random.NextSingle() - 0.5f;
                float scale = isAbsent ? 0f : random.Next(3) == 0 ? 1f : random.NextSingle();
                var header = new Gradients.Contribution(new Gradients.Name(default, default, 0, 0, node.Lo, node.Hi), default, scale, 0, [], 0);
                var missing = ledger.Missing();
                if (!Enumerable.Range(node.Lo, node.Length).All(missing.Contains)) continue;
                ledger.Take(new ContributionLedger.Entry(node, header, isAbsent ? default : new TensorSlice(buffer, 0, buffer.Length), null));
                tensors.Add(node.Lo, (node, buffer.Span.ToArray(), scale));
            }
            int offset = random.Next(4);
            float[]? T(int lo, int hi)
            {
                if (tensors.TryGetValue(lo, out var found) && found.Node.Hi == hi) return found.Values.Length == 0 ? null : [.. found.Values.Skip(offset).Take(length).Select(x => x * found.Scale)];
                if (hi - lo == 1) return null;
                int m = ReductionTree.Split(lo, hi);
                var (left, right) = (T(lo, m), T(m, hi));
                return left is null || right is null ? left ?? right : [.. left.Zip(right, (x, y) => x + y)];
            }
            float[] expected = T(0, leaves) ?? new float[length];
            int whole = Math.Min(length, expected.Length);
            var sum = new FloatBuffer(whole);
            TreeSum.Into(ledger, leaves, offset, sum.Span);
            Assert.Equal(expected, sum.Span.ToArray());
            int block = Math.Min(whole, ParameterLayout.BlockLength);
            Assert.Equal(expected[..block], TreeSum.Of(ledger, leaves, offset, block).ToArray());
        }
    }
}
