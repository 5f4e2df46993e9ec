using System.Collections.Concurrent;
using DistTrain.Coordinator;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

public sealed class ShardReadingTests
{
    [Theory]
    [InlineData(1, 4)]
    [InlineData(2, 4)]
    [InlineData(4, 4)]
    [InlineData(3, 8)]
    public async Task Each_worker_reads_the_samples_of_its_shards_once_and_no_others(int workers, int shards)
    {
        const int Samples = 96, Epochs = 3;
        var readers = Enumerable.Range(0, workers).Select(_ => new Reader(DataSources.Open("digits:96").Train)).ToArray();
        TrainingJob JobOf(int worker) => new()
        {
            Model = () => new Sequential(new Flatten(), new Linear(784, 10)), Data = new DataSplit("digits", readers[worker], null), BatchSize = 32, Shards = shards, Epochs = Epochs, Seed = 5,
        };
        var job = ClusterJob.From(JobOf(0)) with { CreateReplica = number => new ModelReplica(JobOf(number)) };
        foreach (var reader in readers) reader.Reads.Clear();
        await using var cluster = new LocalCluster(job, new ClusterOptions { Workers = workers });
        Assert.NotNull((await cluster.RunAsync().WaitAsync(TimeSpan.FromSeconds(60))).Totals);
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            var read = readers.Select(reader => reader.Reads.Where(one => one.Epoch == epoch).Select(one => one.Sample).ToList()).ToList();
            Assert.Equal(Enumerable.Range(0, Samples), read.SelectMany(samples => samples).Order());
            // Shards are the same size here; a worker owns one more than another at most.
            Assert.All(read, samples => Assert.InRange(samples.Count, shards / workers * Samples / shards, (shards + workers - 1) / workers * Samples / shards));
        }
    }

    /// <summary>Data that knows which samples were read for training.</summary>
    private sealed class Reader(IDataset data) : IDataset
    {
        public ConcurrentBag<(int Epoch, int Sample)> Reads { get; } = [];

        public string Name => data.Name;

        public int Count => data.Count;

        public SampleSpec Inputs => data.Inputs;

        public SampleSpec Targets => data.Targets;

        public int Classes => data.Classes;

        public string Fingerprint => data.Fingerprint;

        public void Read(ReadContext context, ReadOnlySpan<int> indices, SampleSpan inputs, SampleSpan targets)
        {
            if (context.IsTraining)
                foreach (int sample in indices) Reads.Add((context.Epoch, sample));
            data.Read(context, indices, inputs, targets);
        }
    }
}
