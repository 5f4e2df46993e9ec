using DistTrain.Coordinator;
using DistTrain.Coordinator.Scheduling;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;

namespace DistTrain.Tests.Coordinator;

/// <summary>When the last worker makes a job slower, the run says so once, with a setting that helps.</summary>
public class SpeedAdvisorTests
{
    private const long Model = 40_000_000;

    private static Traffic Plain(int workers) => new(workers * Model, workers * Model, workers * Model, workers * Model);

    private static Traffic Small(int workers) => new(workers * Model / 4, workers * Model / 2, workers * Model, workers * Model);

    [Fact]
    public void A_fast_link_is_no_matter()
    {
        // 100 ms of computing each, 10 ms of exchange: one worker alone would need 205 ms.
        Assert.Null(new SpeedAdvisor(Plain, Small).Judge(0.110, [0.1, 0.1], 2));
    }

    [Fact]
    public void A_slow_link_is_told_with_codecs_where_they_are_enough()
    {
        // Two workers: 50 + 250 ms. One alone: 100 + 125 ms.
        var warning = new SpeedAdvisor(Plain, workers => Small(workers) with { GradientBytes = 0, WeightBytes = workers * Model / 4 }).Judge(0.300, [0.05, 0.05], 2);
        Assert.NotNull(warning);
        Assert.Equal(SpeedAdvisor.Compressed, warning.Setting);
        // An eighth of the bytes: 50 + 31 ms.
        Assert.Equal(300 / 81.25, warning.PredictedGain!.Value, 0.01);
        Assert.Contains("2 workers are slower than 1 would be", warning.Text);
        Assert.Contains("640 MB/s", warning.Text);
    }

    [Fact]
    public void Where_codecs_are_not_enough_or_in_use_something_else_is_proposed()
    {
        Assert.Equal("--accumulate 4", new SpeedAdvisor(Plain, null).Judge(0.200, [0.05, 0.05], 2)!.Setting);
        var local = new SpeedAdvisor(Plain, Small).Judge(1.05, [0.05, 0.05], 2)!;
        Assert.Equal("--consistency local:16", local.Setting);
        Assert.Equal(1050 / 112.5, local.PredictedGain!.Value, 0.01);
    }

    [Fact]
    public void It_is_said_once_after_the_first_steps_and_only_from_what_all_workers_told()
    {
        var advisor = new SpeedAdvisor(Plain, Small);
        var time = TimeSpan.Zero;
        int said = 0;
        void Steps(int count)
        {
            for (int i = 0; i < count; i++) said += advisor.StepDone(time += TimeSpan.FromMilliseconds(300), 2) is null ? 0 : 1;
        }
        void Tell(int worker) => advisor.Computed(new WorkerId(worker), 50);
        Tell(0);
        Tell(1);
        // What was told during the warm-up does not count.
        Steps(60);
        Assert.Equal(0, said);
        Tell(0);
        Steps(60);
        Assert.Equal(0, said);
        Tell(1);
        Steps(200);
        Assert.Equal(1, said);
    }

    [Fact]
    public void A_change_of_workers_begins_the_measurement_again()
    {
        var advisor = new SpeedAdvisor(Plain, Small);
        var time = TimeSpan.Zero;
        for (int i = 0; i < 45; i++)
        {
            advisor.StepDone(time += TimeSpan.FromMilliseconds(300), 2);
            for (int worker = 0; worker < 2; worker++) advisor.Computed(new WorkerId(worker), 50);
        }
        advisor.Changed();
        for (int i = 0; i < 49; i++)
        {
            Assert.Null(advisor.StepDone(time += TimeSpan.FromMilliseconds(300), 2));
            for (int worker = 0; worker < 2; worker++) advisor.Computed(new WorkerId(worker), 50);
        }
        Assert.IsType<RunEvent.Warning>(advisor.StepDone(time + TimeSpan.FromMilliseconds(300), 2));
    }
}
