using DistTrain.Training;

namespace DistTrain.Tests.Training;

public class NamedSchedulesTests
{
    [Fact]
    public void Warm_up_and_cosine_fill_the_steps_of_the_job()
    {
        var schedule = NamedSchedules.Make("cosine", 2000, 100, 1e-3, 1e-4)!;
        foreach (long step in new[] { 0L, 50, 99, 100, 1000, 1999 })
        {
            double expected = step < 100 ? 1e-3 * (step + 1) / 101 : 1e-4 + 0.5 * (1 + Math.Cos(Math.PI * (step - 100) / 1900)) * 9e-4;
            Assert.Equal(expected, schedule.RateAt(step, 1e-3), 1e-15);
        }
    }

    [Theory]
    [InlineData("linear", 50, 0.55)]
    [InlineData("linear", 100, 0.1)]
    [InlineData("polynomial:2", 50, 0.25)]
    [InlineData("exponential:0.5", 3, 0.125)]
    [InlineData("step:10:0.5", 25, 0.25)]
    [InlineData("onecycle", 29, 1.0)]
    public void Every_schedule_can_be_called_by_name(string text, long step, double expected) => Assert.Equal(expected, NamedSchedules.Make(text, 100, 0, 1, 0.1)!.RateAt(step, 1), 1e-12);

    [Fact]
    public void A_constant_rate_needs_no_schedule() => Assert.Null(NamedSchedules.Make("constant", 10, 0, 1, 0));

    [Theory]
    [InlineData("cosin", "schedule was 'cosin', expected constant, cosine")]
    [InlineData("step:x:0.5", "schedule was 'step:x:0.5': x is no number")]
    [InlineData("step:0:0.5", "StepLR: the step size was 0, expected 1 or more")]
    [InlineData("exponential:NaN", "ExponentialLR: gamma was NaN")]
    public void What_is_no_schedule_is_refused(string text, string message) => Assert.Contains(message, Assert.Throws<UserErrorException>(() => NamedSchedules.Make(text, 10, 0, 1, 0)).Message);

    [Fact]
    public void Numbers_that_do_not_fit_are_refused()
    {
        Assert.Equal("warm-up steps was 10, expected 0 or more and fewer than the job's 10 steps", Assert.Throws<UserErrorException>(() => NamedSchedules.Make("cosine", 10, 10, 1, 0)).Message);
        Assert.Equal("the lowest learning rate was 2, expected 0 to the learning rate 1", Assert.Throws<UserErrorException>(() => NamedSchedules.Make("cosine", 10, 0, 1, 2)).Message);
    }

    [Theory]
    [InlineData(null, 10)]
    [InlineData(25L, 3)]
    public void A_schedule_that_counts_epochs_fills_the_epochs_of_the_job(long? maxSteps, long epochs)
    {
        var job = JobBuilder.Build(new JobOptions { Data = "digits:100,10", BatchSize = 10, Epochs = 10, MaxSteps = maxSteps, Schedule = "cosine", ScheduleByEpoch = true, LearningRate = 1 }, 1);
        Assert.Equal(new DistTrain.Optim.CosineAnnealingLR(epochs), job.Schedule);
        Assert.Equal(0.5 * (1 + Math.Cos(Math.PI / epochs)), job.LearningRateAt(10), 1e-12);
        Assert.Equal(job.LearningRateAt(10), job.LearningRateAt(19));
    }
}
