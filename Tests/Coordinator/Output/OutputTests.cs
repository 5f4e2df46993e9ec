using System.Diagnostics;
using System.Text;
using System.Text.Json;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Output;
using DistTrain.Protocol;
using DistTrain.Training;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace DistTrain.Tests.Coordinator.Output;

public class OutputTests
{
    private static readonly JobPlan Plan = new() { TrainCount = 1000, TestCount = 100, BatchSize = 100, Shards = 4, Epochs = 3 };

    private static readonly RunFacts Facts = new("mlp-digits", "mlp", "digits", Plan, "avx2");

    [Fact]
    public void Numbers_that_are_not_finite_are_null_and_fields_that_do_not_apply_are_absent()
    {
        var stream = new MemoryStream();
        using (var output = new JsonOutput(Facts, 1, stream, TextWriter.Null))
        {
            output.Tell(new RunEvent.EpochDone(0, double.NaN, null, double.PositiveInfinity, null, 1.5));
            output.Tell(new RunEvent.StepDone(4, 0, 100, double.NegativeInfinity, null, false));
        }
        Assert.Equal(
            """
            {"event":"epoch","epoch":1,"train_loss":null,"test_loss":null,"samples_per_s":1.5}
            {"event":"step","step":5,"epoch":1,"train_loss":null}

            """.ReplaceLineEndings("\n"),
            Encoding.UTF8.GetString(stream.ToArray()));
    }

    [Fact]
    public void Numbers_keep_every_bit()
    {
        var stream = new MemoryStream();
        using (var output = new JsonOutput(Facts, 1, stream, TextWriter.Null)) output.Tell(new RunEvent.StepDone(0, 0, 100, 0.1 + 0.2, null, false));
        Assert.Equal(0.1 + 0.2, JsonDocument.Parse(stream.ToArray()).RootElement.GetProperty("train_loss").GetDouble());
    }

    [Fact]
    public void A_message_is_readable_and_stays_on_one_line()
    {
        var stream = new MemoryStream();
        using (var output = new JsonOutput(Facts, 1, stream, TextWriter.Null)) output.Failed("'größer' than\n\"this\"");
        Assert.Equal("""{"event":"failed","error":"'größer' than\n\"this\""}""" + "\n", Encoding.UTF8.GetString(stream.ToArray()));
    }

    [Fact]
    public void Steps_are_told_every_nth_or_not_at_all()
    {
        Assert.Equal(3, Steps(3));
        Assert.Equal(0, Steps(null));

        static int Steps(long? every)
        {
            var stream = new MemoryStream();
            using var output = new JsonOutput(Facts, every, stream, TextWriter.Null);
            for (int i = 0; i < 10; i++) output.Tell(new RunEvent.StepDone(i, 0, 100, 1, null, false));
            return Encoding.UTF8.GetString(stream.ToArray()).Count(c => c == '\n');
        }
    }

    [Theory]
    [InlineData(200, " epoch  train loss   test loss  accuracy   samples/s")]
    [InlineData(50, " epoch  train loss   test loss  accuracy")]
    [InlineData(30, " epoch  train loss  accuracy")]
    [InlineData(16, " epoch  accuracy")]
    [InlineData(3, " epoch")]
    public void The_table_of_epochs_leaves_out_what_does_not_fit(int width, string headings)
    {
        var table = new EpochTable(hasTest: true, width);
        Assert.Equal(headings, table.Headings);
        Assert.Equal(headings.Length, table.Row(new RunEvent.EpochDone(0, 0.5, null, 0.25, 0.9, 1234)).Length);
    }

    [Fact]
    public void The_live_display_fits_any_terminal()
    {
        var state = Running(workers: 12);
        for (int width = 12; width <= 120; width += 9)
        {
            for (int height = 3; height <= 24; height += 7)
            {
                var lines = Draw(state.Now(), width, height);
                Assert.All(lines, line => Assert.True(line.TrimEnd().Length < width || line.Contains("epoch", StringComparison.Ordinal), $"{width}: {line}"));
                Assert.True(lines.Count <= Math.Max(2, height), $"{lines.Count} lines in {height}");
            }
        }
    }

    [Fact]
    public void The_live_display_shows_pace_and_the_shards_of_each_worker()
    {
        var lines = Draw(Running(workers: 2).Now(), 100, 24);
        Assert.Contains("epoch 1/3", lines[1], StringComparison.Ordinal);
        Assert.Contains("50 %", lines[1], StringComparison.Ordinal);
        Assert.Contains("loss 2.0000", lines[1], StringComparison.Ordinal);
        Assert.Contains("1,000 samples/s", lines[1], StringComparison.Ordinal);
        Assert.Contains("0:02 left", lines[1], StringComparison.Ordinal);
        Assert.Equal(" worker-0  shards 0-1       500 samples/s", lines[2]);
        Assert.Equal(" worker-1  shards 2-3       500 samples/s", lines[3]);
    }

    [Fact]
    public void A_lost_worker_leaves_the_display_and_a_spare_is_called_one()
    {
        var state = Running(workers: 2);
        state.Add(new RunEvent.WorkerLost(new WorkerId(0), "worker-0", 1, 5, 100, [0, 1]));
        state.Add(new RunEvent.WorkerJoined(new WorkerId(2), "worker-2", new Incarnation(1), 1));
        state.Add(new RunEvent.ShardsAssigned([.. Enumerable.Repeat(new WorkerId(1), 4)]));
        Assert.Equal([("worker-1", "shards 0-3"), ("worker-2", "spare")], state.Now().Workers.Select(w => (w.Name, w.Shards)));
    }

    /// <summary>Half of the first epoch's ten steps, one each 100 ms.</summary>
    private static LiveState Running(int workers)
    {
        long now = 0;
        var state = new LiveState(Facts, () => now);
        for (int i = 0; i < workers; i++) state.Add(new RunEvent.WorkerJoined(new WorkerId(i), $"worker-{i}", new Incarnation(1), 1));
        state.Add(new RunEvent.ShardsAssigned([.. Enumerable.Range(0, 4).Select(shard => new WorkerId(shard * Math.Min(workers, 4) / 4))]));
        for (int step = 0; step < 5; step++)
        {
            now += Stopwatch.Frequency / 10;
            state.Add(new RunEvent.StepDone(step, 0, 100, step, null, false));
        }
        return state;
    }

    private static List<string> Draw(LiveState.Picture picture, int width, int height)
    {
        var options = RenderOptions.Create(AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(TextWriter.Null) }), new Capabilities());
        return [.. LiveView.Draw(picture, 3, width, height).Select(line => string.Concat(line.Render(options, 1000).Select(segment => segment.Text)).TrimEnd('\n'))];
    }

    private sealed class Capabilities : IReadOnlyCapabilities
    {
        public ColorSystem ColorSystem => ColorSystem.NoColors;

        public bool Ansi => false;

        public bool Links => false;

        public bool Legacy => false;

        public bool IsTerminal => false;

        public bool Interactive => false;

        public bool Unicode => true;

        public bool AlternateBuffer => false;
    }
}
