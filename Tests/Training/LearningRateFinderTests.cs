using DistTrain.Data;
using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Training;

public class LearningRateFinderTests
{
    private static TrainingJob Job => new()
    {
        Model = () => new Sequential(new Flatten(), new Linear(784, 32), new ReLU(), new Linear(32, 10)),
        Data = DigitsSource.Create(train: 400, test: 10),
        BatchSize = 40,
        Seed = 2,
        Epochs = 1,
    };

    [Fact]
    public void Rates_grow_evenly_in_their_logarithm_and_the_search_ends_when_the_loss_runs_away()
    {
        var trials = LearningRateFinder.Run(Job, 1e-5, 100, 80);
        Assert.Equal(1e-5, trials[0].Rate, 12);
        double ratio = trials[1].Rate / trials[0].Rate;
        Assert.Equal(Math.Pow(1e7, 1.0 / 79), ratio, 6);
        Assert.InRange(trials.Count, 21, 79);
        Assert.True(trials[^1].Smooth > trials.Min(trial => trial.Smooth));
    }

    [Fact]
    public void The_suggestion_is_one_that_trains_and_is_the_same_each_time()
    {
        double suggested = LearningRateFinder.Suggest(LearningRateFinder.Run(Job, 1e-5, 10, 80))!.Value;
        Assert.Equal(suggested, LearningRateFinder.Suggest(LearningRateFinder.Run(Job, 1e-5, 10, 80)));
        using var trainer = new Trainer(Job with { LearningRate = suggested, Epochs = 4 });
        var losses = new List<double>();
        trainer.Run(epoch => losses.Add(epoch.TrainLoss));
        Assert.True(losses[^1] < 0.8 * losses[0], $"{suggested}: {string.Join(", ", losses)}");
    }

    [Fact]
    public void The_steepest_fall_before_the_lowest_point_is_suggested()
    {
        var trials = Enumerable.Range(0, 40).Select(i => new RateTrial(i, 0, i < 20 ? 10 - 0.1 * i : i < 25 ? 8 - (i - 19) : 2 + (i - 24))).ToList();
        Assert.InRange(LearningRateFinder.Suggest(trials)!.Value, 19, 24);
        Assert.Null(LearningRateFinder.Suggest([.. trials.Select(trial => trial with { Smooth = 1 })]));
    }

    [Fact]
    public void A_loss_below_zero_is_searched_like_any_other_and_ends_when_it_runs_away()
    {
        var trials = LearningRateFinder.Run(Job with { Loss = new Shifted(-5) }, 1e-5, 100, 80);
        Assert.InRange(trials.Count, 40, 79);
        Assert.True(trials[^1].Loss > trials[0].Loss);
    }

    private sealed class Shifted(float by) : Loss
    {
        private readonly CrossEntropyLoss inner = new();

        public override string Name => "shifted";

        public override Tensor Compute(Tensor output, Tensor target) => inner.Compute(output, target) + by;
    }

    [Theory]
    [InlineData(0, 1, 50)]
    [InlineData(1, 1, 50)]
    [InlineData(1e-3, 1, 5)]
    public void Ranges_that_make_no_sense_are_refused(double from, double to, int steps) => Assert.Throws<UserErrorException>(() => LearningRateFinder.Run(Job, from, to, steps));
}
