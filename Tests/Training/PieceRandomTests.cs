using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Training;

/// <summary>Random tensors that a model draws in a job: its own for every step and piece, the same wherever the piece is computed.</summary>
public class PieceRandomTests
{
    [Fact]
    public void Each_step_and_piece_draws_numbers_of_its_own_and_again_the_same()
    {
        using var replica = new ModelReplica(Job());
        var (weights, gradient) = (replica.InitialValues(), new FloatBuffer(replica.Layout.Length));
        float[] Draws(Action compute)
        {
            var seen = ((Noise)replica.Model).Seen;
            seen.Clear();
            compute();
            return [.. seen];
        }
        PieceId[] pieces = [.. from step in Enumerable.Range(0, 3) from shard in Enumerable.Range(0, 2) select new PieceId(step, shard)];
        float[] first = [.. pieces.SelectMany(piece => Draws(() => replica.Compute(piece, weights, gradient, null)))];
        Assert.Equal(12, first.Length);
        // Initial values were drawn from the same seed.
        float initial = ((Noise)replica.Model).First;
        Assert.Equal(13, first.Append(initial).Distinct().Count());
        float[] evaluated = Draws(() => replica.Evaluate(0, weights));
        float[] backwards = [.. pieces.Reverse().SelectMany(piece => Draws(() => replica.Compute(piece, weights, gradient, null)).Reverse())];
        Assert.Equal(first.Reverse(), backwards);
        Assert.Equal(evaluated, Draws(() => replica.Evaluate(0, weights)));
        Assert.Equal(4, evaluated.Concat(Draws(() => replica.Evaluate(1, weights))).Distinct().Count());
        Assert.Empty(evaluated.Intersect(first));
    }

    [Fact]
    public void A_job_leaves_the_callers_draws_as_they_are()
    {
        RandomSource.ManualSeed(3);
        float[] plain = [.. Tensor.Randn([3]).ToArray(), .. Tensor.Randn([3]).ToArray()];
        RandomSource.ManualSeed(3);
        float[] before = Tensor.Randn([3]).ToArray();
        using (var trainer = new Trainer(Job())) trainer.Run();
        Assert.Equal(plain, before.Concat(Tensor.Randn([3]).ToArray()));
    }

    [Fact]
    public void Threads_that_set_no_seed_draw_different_numbers()
    {
        var drawn = new float[4];
        var threads = Enumerable.Range(0, drawn.Length).Select(i => new Thread(() => drawn[i] = Tensor.Randn([1]).Item())).ToList();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.Equal(4, drawn.Distinct().Count());
    }

    private static TrainingJob Job()
    {
        float[] inputs = [.. Enumerable.Range(0, 300).Select(i => MathF.Sin(i))];
        var data = new ArrayDataset("numbers", inputs, SampleSpec.Float32(1), new float[300], SampleSpec.Float32(1));
        return new TrainingJob { Model = () => new Noise(), Data = new DataSplit("numbers", data, data), Loss = new MSELoss(), BatchSize = 60, Shards = 2, Epochs = 1, Seed = 5 };
    }

    private sealed class Noise : Module
    {
        private readonly Linear linear;

        public Noise()
        {
            First = Tensor.Randn([1]).Item();
            linear = new Linear(1, 1);
        }

        public float First { get; }

        public List<float> Seen { get; } = [];

        public override Tensor Forward(Tensor input)
        {
            for (int i = 0; i < 2; i++) Seen.Add(Tensor.Randn([1]).Item());
            return linear.Forward(input);
        }
    }
}
