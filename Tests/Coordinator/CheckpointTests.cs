using System.Collections.Immutable;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

public sealed class CheckpointTests : IDisposable
{
    private static readonly ParameterLayout Layout = new([("0.weight", [5, 3]), ("0.bias", [5])], [("1.running_mean", [4])]);
    private readonly string folder = Directory.CreateTempSubdirectory("disttrain-checkpoints-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_checkpoint_comes_back_to_the_bit()
    {
        var saved = Make(step: 7);
        var store = new CheckpointFolder(folder);
        store.Save(saved, Layout);
        var loaded = store.LoadLatest(Layout, message => Assert.Fail(message))!;
        Assert.Equal((7, 3, 4, "avx2", "data", "{\"model\":\"mlp\"}"), (loaded.Step, loaded.Term, loaded.Shards, loaded.Numerics, loaded.DataFingerprint, loaded.Job));
        Assert.Equal(saved.Weights.Span.ToArray(), loaded.Weights.Span.ToArray());
        Assert.Equal(["momentum_buffer", "exp_avg"], loaded.OptimizerState.Select(s => s.Name));
        Assert.Equal(Parameters(saved.OptimizerState[1].Values), Parameters(loaded.OptimizerState[1].Values));
        Assert.Equal(saved.Extra[0].Values.Span.ToArray(), loaded.Extra[0].Values.Span.ToArray());
        Assert.Equal("0.25", loaded.Notes["best_loss"]);
    }

    [Fact]
    public void The_newest_few_are_kept()
    {
        var store = new CheckpointFolder(folder, keep: 2);
        for (int step = 1; step <= 5; step++) store.Save(Make(step), Layout);
        Assert.Equal([store.FileOf(5), store.FileOf(4)], store.Files());
    }

    [Fact]
    public void Any_flipped_bit_or_cut_is_noticed_and_the_one_before_is_used()
    {
        var store = new CheckpointFolder(folder);
        store.Save(Make(1), Layout);
        string newest = store.Save(Make(2), Layout);
        byte[] good = File.ReadAllBytes(newest);
        var random = new Random(17);
        for (int i = 0; i < 60; i++)
        {
            byte[] bad = i % 3 == 0 ? good[..random.Next(good.Length)] : (byte[])good.Clone();
            if (bad.Length == good.Length) bad[random.Next(bad.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(newest, bad);
            var refused = new List<string>();
            Assert.Equal(1, store.LoadLatest(Layout, refused.Add)!.Step);
            Assert.Contains(newest, Assert.Single(refused));
        }
    }

    [Fact]
    public void A_foreign_file_and_another_model_are_refused_by_name()
    {
        var store = new CheckpointFolder(folder);
        var other = new ParameterLayout([("0.weight", [3, 5]), ("0.bias", [5])], [("1.running_mean", [4])]);
        File.WriteAllText(store.FileOf(9), "these are not the weights you are looking for");
        store.Save(Make(1), Layout);
        var refused = new List<string>();
        Assert.Null(store.LoadLatest(other, refused.Add));
        Assert.Equal(2, refused.Count);
        Assert.Contains("not a valid safetensors file", refused[0]);
        Assert.Contains("another model", refused[1]);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_to_gives_one_line()
    {
        File.WriteAllText(Path.Combine(folder, "file"), "");
        var error = Assert.Throws<UserErrorException>(() => new CheckpointFolder(Path.Combine(folder, "file", "sub")));
        Assert.Contains("--checkpoint-dir", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    private static Checkpoint Make(long step)
    {
        return new Checkpoint
        {
            Step = step,
            Term = 3,
            Job = "{\"model\":\"mlp\"}",
            Shards = 4,
            Numerics = "avx2",
            LayoutHash = Layout.Hash,
            DataFingerprint = "data",
            Weights = Filled(1),
            OptimizerState = [("momentum_buffer", Filled(2)), ("exp_avg", Filled(3))],
            Extra = [("residual.0", Filled(4))],
            Notes = ImmutableDictionary<string, string>.Empty.Add("best_loss", "0.25"),
        };

        FloatBuffer Filled(int seed)
        {
            // Padding stays zero, as everywhere.
            var buffer = new FloatBuffer(Layout.Length);
            foreach (var entry in Layout.Parameters.Concat(Layout.Buffers))
                for (int i = 0; i < entry.Length; i++) buffer.Span[entry.Offset + i] = (float)Math.Sqrt(seed * 1000 + step * 100 + entry.Offset + i);
            return buffer;
        }
    }

    private static float[][] Parameters(FloatBuffer buffer) => [.. Layout.Parameters.Select(e => buffer.Slice(e.Offset, e.Length).ToArray())];
}
