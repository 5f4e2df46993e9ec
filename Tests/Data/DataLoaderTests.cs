using DistTrain.Data;

namespace DistTrain.Tests.Data;

public sealed class DataLoaderTests : IDisposable
{
    private readonly ReadTracker dataset = new(100);
    private readonly DataLoader loader;

    public DataLoaderTests() => loader = new(dataset, seed: 7, capacity: 8);

    public void Dispose()
    {
        dataset.Open.Set();
        loader.Dispose();
        dataset.Open.Dispose();
    }

    [Fact]
    public void A_piece_holds_the_samples_that_the_sampler_names()
    {
        var indices = new int[8];
        new Sampler(100, seed: 7).Read(new(2, 16, 8), indices);
        var piece = loader.Load(new(2, 16, 8));
        Assert.Equal(indices, piece.Indices.ToArray());
        Assert.Equal(indices.Select(i => i * 10f), piece.FloatInputs.ToArray());
        Assert.Equal(indices.Select(i => (long)i + 2), piece.Labels.ToArray()); // the epoch reaches the data set
    }

    [Fact]
    public void A_prefetched_piece_is_read_once_and_there_when_asked_for()
    {
        loader.Prefetch(new(0, 0, 4));
        loader.Prefetch(new(0, 0, 4));
        dataset.WaitForReads(4);
        loader.Load(new(0, 0, 4));
        loader.Load(new(0, 0, 4));
        loader.Load(new(0, 4, 4));
        Assert.Equal(8, dataset.Log.Count);
        Assert.Equal(3, loader.Loads);
        Assert.InRange(loader.Hits, 1, 2);
    }

    [Fact]
    public void Prefetching_never_overwrites_the_piece_in_use()
    {
        var piece = loader.Load(new(0, 0, 4));
        var before = piece.FloatInputs.ToArray();
        for (var i = 1; i < 20; i++)
        {
            loader.Prefetch(new(0, 4 * i, 4));
            Assert.Equal(before, piece.FloatInputs.ToArray());
        }
        dataset.WaitForReads(12); // some were ignored while every buffer was taken
        Assert.Equal(before, piece.FloatInputs.ToArray());
    }

    [Fact]
    public void A_needed_piece_goes_before_prefetched_ones()
    {
        dataset.Open.Reset();
        loader.Prefetch(new(0, 0, 1));
        dataset.WaitForReads(1);
        loader.Prefetch(new(0, 10, 1));
        loader.Prefetch(new(0, 20, 1));
        double counted = 0;
        using var listener = new System.Diagnostics.Metrics.MeterListener { InstrumentPublished = (instrument, from) => { if (instrument.Meter.Name == DataMetrics.Meter) from.EnableMeasurementEvents(instrument); } };
        listener.SetMeasurementEventCallback<double>((_, seconds, _, _) => Interlocked.Exchange(ref counted, Volatile.Read(ref counted) + seconds));
        listener.Start();
        var needed = -1;
        var asking = new Thread(() => needed = loader.Load(new(0, 30, 1)).Indices[0]);
        asking.Start();
        Assert.True(SpinWait.SpinUntil(() => asking.ThreadState.HasFlag(ThreadState.WaitSleepJoin), TimeSpan.FromSeconds(30)));
        dataset.Open.Set();
        asking.Join();
        loader.Load(new(0, 10, 1));
        loader.Load(new(0, 20, 1));
        Assert.Equal(needed, dataset.Log[1]);
        // What was waited is told to those who listen; other tests may wait at the same time.
        Assert.InRange(loader.DataWait.TotalSeconds, 1e-9, Volatile.Read(ref counted) + 1e-6);
        Assert.Equal(4, dataset.Log.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(8)]
    public void A_sample_is_read_once_however_many_pieces_of_a_step_are_named_ahead(int pieces)
    {
        const int Steps = 6;
        SampleRange Piece(int step, int piece) => new(0, 2 * (step * pieces + piece), 2);
        for (var step = 0; step < Steps; step++)
        {
            for (var piece = 0; piece < pieces; piece++)
            {
                loader.Load(Piece(step, piece));
                if (step + 1 < Steps)
                    loader.Prefetch(Piece(step + 1, piece));
            }
        }
        Assert.Equal(2 * Steps * pieces, dataset.Log.Count);
        Assert.Distinct(dataset.Log);
    }

    [Fact]
    public void Pieces_that_were_named_and_never_asked_for_do_not_keep_their_buffers()
    {
        loader.Load(new(0, 0, 2));
        for (var start = 2; start < 8; start += 2)
            loader.Prefetch(new(0, start, 2));
        dataset.WaitForReads(8);
        loader.Prefetch(new(0, 8, 2));
        loader.Load(new(0, 40, 2));
        loader.Prefetch(new(0, 50, 2));
        dataset.WaitForReads(12);
        Assert.DoesNotContain(loader.Load(new(0, 8, 2)).Indices[0], dataset.Log[..12]);
    }

    [Fact]
    public void An_empty_piece_is_empty() => Assert.Equal(0, loader.Load(new(0, 50, 0)).Count);

    [Fact]
    public void A_failed_read_is_thrown_where_the_piece_is_asked_for_and_the_loader_goes_on()
    {
        dataset.Fail = true;
        loader.Prefetch(new(0, 0, 4));
        var error = Assert.Throws<UserErrorException>(() => loader.Load(new(0, 0, 4)));
        Assert.Equal("row 3 is malformed", error.Message);
        dataset.Fail = false;
        Assert.Equal(4, loader.Load(new(0, 0, 4)).Count);
    }

    [Fact]
    public void A_range_beyond_capacity_or_data_is_refused()
    {
        Assert.Contains("9 samples", Assert.Throws<ArgumentException>(() => loader.Load(new(0, 0, 9))).Message);
        Assert.Contains("within 0 to 100", Assert.Throws<ArgumentException>(() => loader.Prefetch(new(0, 97, 4))).Message);
    }

    /// <summary>A data set that tells what was read, and can hold reads back or fail them.</summary>
    private sealed class ReadTracker(int count) : Dataset("tracker", count, SampleSpec.Float32(), SampleSpec.Label)
    {
        public ManualResetEventSlim Open { get; } = new(true);

        public bool Fail { get; set; }

        public List<int> Log { get; } = [];

        private int Reads
        {
            get
            {
                lock (Log)
                    return Log.Count;
            }
        }

        public void WaitForReads(int least) => Assert.True(SpinWait.SpinUntil(() => Reads >= least, TimeSpan.FromSeconds(30)));

        protected override void ReadSample(ReadContext context, int index, SampleSpan input, SampleSpan target)
        {
            lock (Log)
                Log.Add(index);
            Open.Wait();
            if (Fail)
                throw new UserErrorException("row 3 is malformed");
            input.Float32[0] = index * 10;
            target.Int64[0] = index + context.Epoch;
        }
    }
}
