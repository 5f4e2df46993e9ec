using System.Diagnostics;
using DistTrain.Training;

namespace DistTrain.Tests.Training;

/// <summary>Sums over timelines made by hand; times are milliseconds.</summary>
public sealed class TimelineSummaryTests
{
    private static TimelineSpan Span(string row, string name, double start, double end, long step) => new(row, name, Ticks(start), Ticks(end), step);

    private static long Ticks(double milliseconds) => (long)(milliseconds * Stopwatch.Frequency / 1000);

    /// <summary>One step of 100 ms of two workers and a server, and the beginning of the next.</summary>
    private static List<TimelineSpan> Step(double at, long step) =>
    [
        Span("worker-0", "forward", at, at + 20, step),
        Span("worker-0", "backward", at + 20, at + 60, step),
        // Within backward: it does not compute meanwhile, the other one does.
        Span("worker-0", "send", at + 40, at + 44, step),
        Span("worker-1", "forward", at, at + 30, step),
        Span("worker-1", "wait", at + 10, at + 20, step),
        Span("worker-1", "backward", at + 30, at + 70, step),
        // After backward of both: nothing hides it.
        Span("worker-1", "send", at + 70, at + 72, step),
        Span("server 0", "reduce", at + 60, at + 80, step),
        Span("server 0", "step", at + 80, at + 90, step),
        Span("server 0", "broadcast", at + 92, at + 94, step),
    ];

    [Fact]
    public void The_exchange_is_told_apart_into_what_lies_beside_computing_and_what_a_step_waits_for()
    {
        var summary = TimelineSummary.Of([.. Step(0, 5), .. Step(100, 6), .. Step(200, 7)], first: 5);
        Assert.Equal((2, 100), (summary.Steps, Math.Round(summary.MillisecondsPerStep, 6)));
        Assert.Equal([6, 20, 10, 2], TimelineSummary.Kinds.Select(kind => Math.Round(summary.MillisecondsOf(kind), 6)));
        Assert.Equal([4 / 6.0, 10 / 20.0, 0, 0], TimelineSummary.Kinds.Select(summary.Beside));
        Assert.Equal(0.70, summary.Computing, 9);
        // From 70 to 72 both send and reduce: a step waits for the send first.
        Assert.Equal([0.02, 0.08, 0.10, 0.02], TimelineSummary.Kinds.Select(kind => Math.Round(summary.Alone(kind), 9)));
        Assert.Equal(0.08, summary.Nothing, 9);
        Assert.Equal((0.56 + 0.60) / 2, summary.WorkerComputes, 9);
        Assert.Equal("timeline: 100.00 ms a step, in 70 % of it somebody computes; beside computing lie 67 % of send, 50 % of reduce, 0 % of step, 0 % of broadcast; nobody computes but they go on: send 2 %, reduce 8 %, step 10 %, broadcast 2 %, nothing 8 %", $"{summary}");
        Assert.Equal(1, summary.Computing + summary.Nothing + TimelineSummary.Kinds.Sum(summary.Alone), 9);
    }

    [Fact]
    public void Steps_before_the_first_one_are_left_out_and_fewer_than_two_come_to_nothing()
    {
        var summary = TimelineSummary.Of([.. Step(0, 0), .. Step(500, 1), .. Step(600, 2)], first: 1);
        Assert.Equal((1, 100), (summary.Steps, Math.Round(summary.MillisecondsPerStep, 6)));
        var one = TimelineSummary.Of(Step(0, 0));
        Assert.Equal(0, one.Steps);
        Assert.True(double.IsNaN(one.MillisecondsPerStep) && double.IsNaN(one.Beside("step")));
    }
}
