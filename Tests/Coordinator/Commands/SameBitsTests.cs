using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>The promise, on the real command: same job, same shards, same bits, whatever the workers.</summary>
public class SameBitsTests
{
    // 203 = 10 * 20 + 3: the batch does not divide the data, and the last one is smaller than the shards.
    private const string Job = "local --data digits:203,40 --batch-size 20 --epochs 2 --lr 0.05 --momentum 0.9 --output json";

    [Theory]
    [InlineData("")]
    [InlineData("--dropout 0.2")]
    [InlineData("--clip-norm 1")]
    [InlineData("--drop-last --dropout 0.2 --clip-norm 0.5 --optimizer adamw --lr 0.001 --momentum 0")]
    public async Task Any_number_of_workers_gives_the_same_hashes(string more)
    {
        var arguments = more.Contains("--lr", StringComparison.Ordinal) ? Job.Replace(" --lr 0.05 --momentum 0.9", "", StringComparison.Ordinal) : Job;
        string Of(int workers) => $"{arguments} {more} --shards 4 --workers {workers}";
        // Processes of their own, and twice the same in this one.
        var processes = await Task.WhenAll(CommandProcess.RunAsync(Of(1)), CommandProcess.RunAsync(Of(3)));
        var first = Hashes(processes[0]);
        Assert.Equal(first, Hashes(processes[1]));
        foreach (int workers in (int[])[2, 4, 2]) Assert.Equal(first, await LocalRun.ResultAsync(Of(workers)["local ".Length..]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.2)]
    public async Task One_shard_and_one_worker_give_the_losses_and_weights_of_the_plain_loop(double dropout)
    {
        var run = await CommandProcess.RunAsync($"{Job} --dropout {dropout} --shards 1 --workers 1 --log-every 1 --seed 5");
        var (losses, hash) = PlainLoop(JobBuilder.Build(new JobOptions { Data = "digits:203,40", BatchSize = 20, Epochs = 2, Dropout = dropout, Seed = 5 }, 1));

        Assert.Equal(losses, run.Events.Where(e => e.GetProperty("event").GetString() == "step").Select(e => e.GetProperty("train_loss").GetDouble()));
        Assert.Equal(hash, run.Last("finished").GetProperty("weights_sha256").GetString());
    }

    [Fact]
    public async Task Threads_per_worker_change_no_bit_and_no_default_of_the_job()
    {
        // Without --shards: their number must not follow the threads, as the workers' does.
        const string Large = "local --data digits:150,40 --model cnn --batch-size 50 --epochs 2 --lr 0.05 --output json";
        int shards = Math.Min(Environment.ProcessorCount, 50);
        var all = await Task.WhenAll(new[] { "", "--threads-per-worker 2", $"--threads-per-worker 3 --workers 1 --shards {shards}" }.Select(threads => CommandProcess.RunAsync($"{Large} {threads}")));
        Assert.All(all, run => Assert.Equal(Hashes(all[0]), Hashes(run)));
    }

    private static (string?, string?, double, double) Hashes(CommandResult run)
    {
        Assert.Equal(0, run.ExitCode);
        var end = run.Last("finished");
        return (end.GetProperty("weights_sha256").GetString()!, end.GetProperty("state_sha256").GetString()!, end.GetProperty("train_loss").GetDouble(), end.GetProperty("test_loss").GetDouble());
    }

    /// <summary>What anybody would write: zero the gradients, forward, backward, step.</summary>
    private static (List<double> Losses, string Hash) PlainLoop(TrainingJob job)
    {
        var losses = new List<double>();
        var model = job.BuildModel();
        var optimizer = new SGD(model.Parameters(), 0.05, new SGDOptions(Momentum: 0.9));
        var sampler = new Sampler(job.Data.Train, job.Seed);
        var plan = job.Plan();
        for (long step = 0; step < plan.TotalSteps; step++)
        {
            var range = new Batches(plan.TrainCount, plan.BatchSize).Batch(step);
            int[] indices = new int[range.Count];
            float[] pixels = new float[range.Count * 784];
            long[] labels = new long[range.Count];
            sampler.Read(range, indices);
            job.Data.Train.Read(new ReadContext(job.Seed, range.Epoch), indices, pixels, labels);
            RandomSource.EnterPiece(job.Seed, step, 0);

            model.ZeroGrad();
            var loss = job.Loss.Compute(model.Forward(Tensor.From(pixels, [range.Count, 1, 28, 28])), Tensor.From(labels));
            loss.Backward();
            optimizer.Step();
            losses.Add(loss.Item());
        }
        var flat = new FlatModel(model);
        return (losses, flat.Layout.WeightsSha256(flat.CopyValues().Span));
    }
}
