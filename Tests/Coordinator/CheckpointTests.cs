using System.Collections.Immutable;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Recovery;
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
    public void A_file_that_somebody_named_alike_is_no_checkpoint_and_takes_no_place_of_one()
    {
        var store = new CheckpointFolder(folder, keep: 1);
        string copy = Path.Combine(folder, "checkpoint-best.safetensors");
        File.Copy(store.Save(Make(1), Layout), copy);
        store.Save(Make(2), Layout);
        // A number of more digits than are usual is larger all the same.
        store.Save(Make(20_000_000_000), Layout);
        Assert.Equal([store.FileOf(20_000_000_000)], store.Files());
        Assert.Equal(20_000_000_000, store.LoadLatest(Layout, message => Assert.Fail(message))!.Step);
        Assert.Equal([store.FileOf(20_000_000_000), copy], Directory.GetFiles(folder).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_is_fenced_is_short_and_of_what_may_not_be_dropped_nothing_is()
    {
        var store = new CheckpointFolder(folder, keep: 1);
        store.Save(Make(1), Layout);
        int fenced = 0;
        store.Save(Make(2), Layout, act =>
        {
            act();
            // The one to drop is out of the way, and deleted when others may go on.
            if (++fenced == 2) Assert.Equal([store.FileOf(1)], Directory.GetFiles(folder, "*.tmp").Select(file => file[..file.IndexOf(".safetensors", StringComparison.Ordinal)] + ".safetensors"));
            return true;
        });
        Assert.Equal(2, fenced);
        Assert.Equal([store.FileOf(2)], Directory.GetFiles(folder));
        Assert.Throws<IOException>(() => store.Save(Make(3), Layout, _ => false));
        Assert.Equal([store.FileOf(2)], Directory.GetFiles(folder));
    }

    [Fact]
    public void Who_finds_no_lease_or_a_damaged_one_begins_a_term_above_those_of_the_checkpoints()
    {
        new CheckpointFolder(folder).Save(Make(1), Layout);
        File.WriteAllText(Path.Combine(folder, "coordinator.lease"), "");
        using (var reign = Reign.Take(folder, TimeSpan.FromSeconds(5), false, _ => { })!) Assert.Equal(4, reign.Term);
        using (var reign = Reign.Take(folder, TimeSpan.FromSeconds(5), false, _ => { })!) Assert.Equal(5, reign.Term);
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
