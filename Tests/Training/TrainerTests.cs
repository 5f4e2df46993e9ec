using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Training;

public class TrainerTests
{
    private static readonly DataSplit Digits = DataSources.Open("digits:300,100");

    private static TrainingJob Job(int shards, int batch = 32, float dropout = 0f, double? clip = null) => new()
    {
        Model = () => new Sequential(new Flatten(), new Linear(784, 32), new ReLU(), new Dropout(dropout), new Linear(32, 10)),
        Data = Digits,
        Optimizer = new SGDRule(new SGDOptions(Momentum: 0.9)),
        LearningRate = 0.05,
        BatchSize = batch,
        Shards = shards,
        Epochs = 2,
        Seed = 11,
        ClipNorm = clip,
    };

    [Theory]
    [InlineData(0f)]
    [InlineData(0.2f)]
    public void With_one_shard_the_losses_and_weights_are_those_of_the_plain_loop_bit_for_bit(float dropout)
    {
        var job = Job(shards: 1, dropout: dropout);
        var losses = new List<double>();
        using var trainer = new Trainer(job);
        while (trainer.Step < trainer.Plan.TotalSteps) losses.Add(trainer.TrainStep()[0] is var piece ? piece.LossSum / piece.Denominator : 0);

        var (plainLosses, model) = PlainLoop(job);

        Assert.Equal(plainLosses, losses);
        var flat = new FlatModel(model);
        Assert.Equal(flat.Layout.WeightsSha256(flat.CopyValues().Span), trainer.WeightsSha256);
    }

    [Fact]
    public void Threads_that_share_the_kernels_do_not_show_in_the_bits()
    {
        var hashes = new[] { 1, 2, 3 }.Select(threads =>
        {
            using var trainer = new Trainer(Job(shards: 2, batch: 128), threads);
            trainer.Run();
            return (trainer.WeightsSha256, trainer.StateSha256);
        }).ToList();
        Assert.Single(hashes.Distinct());
        Assert.Throws<ArgumentOutOfRangeException>(() => new Trainer(Job(shards: 1), 0));
    }

    [Fact]
    public void Training_learns_the_digits()
    {
        using var trainer = new Trainer(Job(shards: 2) with { Epochs = 8 });
        var epochs = new List<EpochSummary>();
        trainer.Run(epochs.Add);
        Assert.Equal(8, epochs.Count);
        Assert.True(epochs[^1].TrainLoss < epochs[0].TrainLoss / 2, $"the loss went from {epochs[0].TrainLoss} to {epochs[^1].TrainLoss}");
        Assert.True(epochs[^1].Test!.Accuracy > 0.6, $"accuracy was {epochs[^1].Test!.Accuracy}");
    }

    [Fact]
    public void A_last_batch_smaller_than_the_shards_leaves_the_empty_pieces_out()
    {
        // 300 = 9 * 33 + 3: the last batch has 3 samples for 8 shards.
        using var trainer = new Trainer(Job(shards: 8, batch: 33) with { Epochs = 1 });
        trainer.Run();
        Assert.Equal(10, trainer.Step);
        Assert.All(trainer.Weights.Span.ToArray(), v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void A_step_in_steady_state_allocates_nothing()
    {
        using var trainer = new Trainer(Job(shards: 2, batch: 30, dropout: 0.1f, clip: 1));
        for (int i = 0; i < 12; i++) trainer.TrainStep();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 6; i++) trainer.TrainStep();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Parameters_that_a_model_makes_in_forward_are_refused()
    {
        using var trainer = new Trainer(Job(shards: 1) with { Model = () => new Lazy() });
        Assert.Equal("the model had 2 parameters when it was made and 4 after its first forward: make all of them in its constructor", Assert.Throws<UserErrorException>(() => trainer.Run()).Message);
    }

    [Fact]
    public void Fewer_than_no_steps_are_refused() =>
        Assert.Equal("max steps was -1, expected 0 or more", Assert.Throws<UserErrorException>(() => new Trainer(Job(shards: 1) with { MaxSteps = -1 })).Message);

    private static (List<double> Losses, Module Model) PlainLoop(TrainingJob job)
    {
        var losses = new List<double>();
        var model = job.BuildModel();
        var optimizer = new SGD(model.Parameters(), job.LearningRate, momentum: 0.9);
        var sampler = new Sampler(job.Data.Train, job.Seed);
        for (long step = 0; step < job.Plan().TotalSteps; step++)
        {
            var range = new Batches(job.Data.Train.Count, job.BatchSize).Batch(step);
            int[] indices = new int[range.Count];
            float[] pixels = new float[range.Count * 784];
            long[] labels = new long[range.Count];
            sampler.Read(range, indices);
            job.Data.Train.Read(new ReadContext(job.Seed, range.Epoch), indices, pixels, labels);
            RandomSource.EnterPiece(job.Seed, step, 0);

            model.ZeroGrad();
            var loss = model.Forward(Tensor.From(pixels, [range.Count, 28, 28])).CrossEntropy(Tensor.From(labels));
            loss.Backward();
            optimizer.Step();
            losses.Add((double)loss.Item() * range.Count / range.Count);
        }
        return (losses, model);
    }

    private sealed class Lazy : Module
    {
        private readonly Linear body = new(784, 8);
        private Linear? head;

        public override Tensor Forward(Tensor input)
        {
            // Only in training: the trial before the start does not find it.
            if (!Training) return Tensor.Zeros([input.Shape[0], 10]);
            head ??= new Linear(8, 10);
            return head.Forward(body.Forward(input.Reshape(-1, 784)));
        }
    }
}
