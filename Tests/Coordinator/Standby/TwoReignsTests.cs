namespace DistTrain.Tests.Coordinator.Standby;

/// <summary>Whatever the network, the clocks and the processes do: a primary and a standby with folders of their own never both go on.</summary>
public sealed class TwoReignsTests
{
    [Fact]
    public void Two_never_reign_at_once()
    {
        int seeds = int.TryParse(Environment.GetEnvironmentVariable("DISTTRAIN_REIGNS"), out int given) ? given : 400;
        int tookOver = 0, paused = 0, oneGoesOn = 0;
        Parallel.For(0, seeds, seed =>
        {
            var model = new TwoReignsModel(seed);
            Assert.True(model.Run(TimeSpan.FromSeconds(90)) is null, $"seed {seed}: two reign at {new TwoReignsModel(seed).Run(TimeSpan.FromSeconds(90))}");
            if (model.TookOver) Interlocked.Increment(ref tookOver);
            if (model.Paused) Interlocked.Increment(ref paused);
            if (model.OneGoesOn) Interlocked.Increment(ref oneGoesOn);
        });
        // What is to be told apart has happened, often.
        Assert.InRange(tookOver, seeds / 5, seeds);
        Assert.InRange(paused, seeds / 5, seeds);
        Assert.InRange(oneGoesOn, seeds / 2, seeds);
    }
}
