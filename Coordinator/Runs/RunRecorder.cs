using System.Collections.Concurrent;
using DistTrain.Coordinator.Output;
using DistTrain.Coordinator.Pictures;
using DistTrain.Training;
using DistTrain.Training.Code;

namespace DistTrain.Coordinator.Runs;

/// <summary>Keeps what a run tells of itself in its folder: <c>job.json</c>, <c>metrics.csv</c> as it goes, TensorBoard's events where they are asked for, pictures at the end.</summary>
internal sealed class RunRecorder : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly RunFolder folder;
    private readonly TrainingJob job;
    private readonly JobCode? code;
    private readonly RunFacts facts;
    private readonly MetricPlan metrics;
    private readonly long? logEvery;
    private readonly MetricsFile file;
    private readonly TensorBoardFile? board;
    private MetricReport? last;
    private string numerics;
    private readonly BlockingCollection<Action> work = [];
    private readonly Thread writer;
    private volatile string? refused;
    private bool isTold;

    /// <summary>Begins to keep.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="job">The job.</param>
    /// <param name="code">The C# that made it; null for none.</param>
    /// <param name="facts">What is known of the run.</param>
    /// <param name="options">Where and how results go.</param>
    /// <param name="isResumed">Whether the run goes on from a checkpoint, so that epochs before it stay.</param>
    public RunRecorder(RunFolder folder, TrainingJob job, JobCode? code, RunFacts facts, Commands.OutputOptions options, bool isResumed)
    {
        (this.folder, this.job, this.code, this.facts, logEvery, numerics) = (folder, job, code, facts, options.LogEvery, facts.Numerics);
        folder.SaveJob(job, numerics, code);
        metrics = facts.Metrics ?? MetricPlan.None;
        file = new MetricsFile(folder.File("metrics.csv"), metrics, isResumed);
        if (options.TensorBoard) board = new TensorBoardFile(folder.Path);
        writer = new Thread(Write) { IsBackground = true, Name = "run files" };
        writer.Start();
    }

    /// <summary>Told what happened. Files are written by a thread of their own, so that a slow disk does not hold up who tells; one that refuses is told of once, to <paramref name="note"/>, and does not end the run.</summary>
    public void Tell(RunEvent happened, Action<string> note)
    {
        switch (happened)
        {
            case RunEvent.EpochDone epoch: work.Add(() => Add(epoch)); break;
            case RunEvent.Started when numerics != facts.Numerics:
                string settled = numerics = facts.Numerics;
                work.Add(() => folder.SaveJob(job, settled, code));
                break;
            case RunEvent.StepDone step when board is not null && (step.Step + 1) % logEvery == 0:
                work.Add(() => board.Add(step.Step + 1, ("step/train_loss", step.Loss), ("step/gradient_norm", step.Norm ?? double.NaN)));
                break;
        }
        Complain(note);
    }

    /// <summary>Draws the pictures. The run is over and saved: whatever goes wrong here is told in a note, and ends nothing.</summary>
    public void Draw(Action<string> note)
    {
        Finish();
        Complain(note);
        try
        {
            string title = $"{facts.Model} on {Picture.NameOf(facts.Data)}";
            if (file.Rows.Count > 1) Save(LearningCurve.Draw(title, file.Rows, metrics), "learning-curve");
            if (last?.Confusion is { Names.Length: <= ConfusionPicture.MostClasses } confusion) Save(ConfusionPicture.Draw($"{title}: test data", confusion), "confusion-matrix");
        }
        catch (Exception error)
        {
            note(Picture.NotDrawn(folder.Path, error));
        }
    }

    /// <summary>Ends the files.</summary>
    public void Dispose()
    {
        Finish();
        board?.Dispose();
        work.Dispose();
    }

    /// <summary>Waits until all is written, but not for ever for a disk that hangs.</summary>
    private void Finish()
    {
        if (!work.IsAddingCompleted) work.CompleteAdding();
        writer.Join(Patience);
    }

    private void Write()
    {
        foreach (var act in work.GetConsumingEnumerable())
        {
            if (refused is not null) continue;
            try
            {
                act();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                refused = $"warning: {folder.Path}: figures can no longer be written: {error.Message}";
            }
        }
    }

    private void Complain(Action<string> note)
    {
        if (refused is not { } reason || isTold) return;
        isTold = true;
        note(reason);
    }

    private void Add(RunEvent.EpochDone epoch)
    {
        long step = Math.Min((epoch.Epoch + 1L) * facts.Plan.StepsPerEpoch, facts.Plan.TotalSteps);
        var row = EpochRow.Of(epoch, step);
        last = epoch.Metrics ?? last;
        file.Add(row);
        if (board is null) return;
        List<(string, double)> values =
        [
            ("loss/train", row.TrainLoss), ("loss/test", row.TestLoss ?? double.NaN), ("train/accuracy", row.TrainAccuracy ?? double.NaN), ("train/learning_rate", row.LearningRate),
            ("train/samples_per_s", row.SamplesPerSecond), .. row.Metrics.Select(metric => ($"test/{metric.Key}", metric.Value)),
        ];
        board.Add(step, [.. values]);
    }

    private void Save(Picture picture, string name)
    {
        picture.SaveSvg(folder.File(name + ".svg"));
        picture.SavePng(folder.File(name + ".png"));
    }
}
