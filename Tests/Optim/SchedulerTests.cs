using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;

namespace DistTrain.Tests.Optim;

public class SchedulerTests
{
    private static Parameter New() => new(Tensor.From(1f));

    [Fact]
    public void Each_group_follows_the_schedule_from_its_own_rate_and_a_saved_step_goes_on_alike()
    {
        var optimizer = new SGD([new ParameterGroup<SGDOptions>([New()], new SGDOptions(), 1), new ParameterGroup<SGDOptions>([New()], new SGDOptions(), 0.1)]);
        var scheduler = new LRScheduler(optimizer, new StepLR(2, 0.5));
        for (int i = 0; i < 5; i++) scheduler.Step();
        Assert.Equal([0.25, 0.025], optimizer.Groups.Select(g => g.LearningRate));

        var other = new SGD([New()], 1);
        var resumed = new LRScheduler(other, new StepLR(2, 0.5));
        resumed.Set(scheduler.LastStep);
        Assert.Equal(0.25, other.LearningRate);
    }

    [Fact]
    public void A_plateau_goes_on_from_a_saved_state()
    {
        var (first, second) = (new SGD([New()], 1), new SGD([New()], 1));
        var (a, b) = (new PlateauScheduler(first, new ReduceLROnPlateau(Patience: 1, Cooldown: 1)), new PlateauScheduler(second, new ReduceLROnPlateau(Patience: 1, Cooldown: 1)));
        foreach (double metric in new[] { 3.0, 2, 2, 2 }) a.Step(metric);
        Assert.Equal(0.1, first.LearningRate, 1e-12);
        b.State = a.State;
        foreach (double metric in new[] { 2.0, 2, 2, 2, 1 })
        {
            a.Step(metric);
            b.Step(metric);
            Assert.Equal(first.LearningRate, second.LearningRate);
        }
        Assert.Equal(0.01, first.LearningRate, 1e-12);
    }

    [Fact]
    public void Rates_that_follow_a_maximum_fall_when_it_no_longer_rises()
    {
        var options = new ReduceLROnPlateau(MetricGoal.Max, Patience: 0, MinRate: 0.05);
        var state = options.Start(1);
        foreach (double accuracy in new[] { 0.5, 0.6, 0.6, 0.6 }) state = options.Observe(state, accuracy);
        Assert.Equal(0.05, state.Rate);
        Assert.Equal(0.6, state.Best);
    }

    [Theory]
    [InlineData("CosineAnnealingLR: T_max was 0, expected 1 or more")]
    [InlineData("SequentialLR: the number of milestones was 0, expected one fewer than the 2 schedules")]
    [InlineData("OneCycleLR: the share of rising steps was 2, expected 0 to 1")]
    public void Options_out_of_range_are_refused_by_name(string message)
    {
        Schedule schedule = message[0] switch
        {
            'C' => new CosineAnnealingLR(0),
            'S' => new SequentialLR([new StepLR(1), new StepLR(1)], []),
            _ => new OneCycleLR(1, 10, RiseShare: 2),
        };
        Assert.Equal(message, Assert.Throws<ArgumentException>(() => new LRScheduler(new SGD([New()], 1), schedule)).Message);
    }

    [Fact]
    public void Clipping_refuses_bounds_that_are_none()
    {
        Assert.Equal("Clip.Norm: the largest norm was 0, expected more than 0", Assert.Throws<ArgumentException>(() => Clip.Norm([New()], 0)).Message);
        Assert.Equal("Clip.Value: the bound was NaN, expected 0 or more", Assert.Throws<ArgumentException>(() => Clip.Value([New()], double.NaN)).Message);
        Assert.Equal(0, Clip.Norm([New()], 1));
    }

    [Fact]
    public void A_schedule_goes_on_from_where_it_started_whether_the_optimizers_state_is_loaded_before_it_or_after()
    {
        var optimizer = new SGD([New()], 1);
        var scheduler = new LRScheduler(optimizer, new StepLR(2, 0.5));
        for (int i = 0; i < 3; i++) scheduler.Step();
        foreach (bool loadFirst in (bool[])[true, false])
        {
            var other = new SGD([New()], 1);
            if (loadFirst) other.LoadStateDict(optimizer.StateDict());
            var resumed = new LRScheduler(other, new StepLR(2, 0.5));
            if (!loadFirst) other.LoadStateDict(optimizer.StateDict());
            resumed.Set(scheduler.LastStep);
            Assert.Equal(0.5, other.LearningRate);
            resumed.Step();
            Assert.Equal(0.25, other.LearningRate);
        }
        Assert.Null(new SGD([New()], 1).StateDict().InitialRates);
    }

    [Theory]
    [InlineData(10, 0.1)]
    [InlineData(1, 1.0)]
    [InlineData(4, 0.25)]
    public void One_cycle_with_a_rise_of_no_steps_begins_at_the_highest_rate(long steps, double share)
    {
        var schedule = new OneCycleLR(1, steps, share);
        Assert.Equal(1, schedule.RateAt(0, 1));
        for (long step = 0; step <= steps; step++) Assert.InRange(schedule.RateAt(step, 1), 0, 1);
        Assert.InRange(new OneCycleLR(1, steps, share, ThreePhase: true).RateAt(0, 1), 0, 1);
    }
}
