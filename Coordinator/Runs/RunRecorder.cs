using DistTrain.Coordinator.Output;
using DistTrain.Coordinator.Pictures;
using DistTrain.Training;

namespace DistTrain.Coordinator.Runs;

/// <summary>Keeps what a run tells of itself in its folder: <c>metrics.csv</c> as it goes, TensorBoard's events where they are asked for, pictures at the end.</summary>
internal sealed class RunRecorder : IDisposable
{
    private readonly RunFolder folder;
    private readonly RunFacts facts;
    private readonly MetricPlan metrics;
    private readonly long? logEvery;
    private readonly MetricsFile file;
    private readonly TensorBoardFile? board;
    private MetricReport? last;
    private bool isBroken;

    /// <summary>Begins to keep.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="facts">What is known of the run.</param>
    /// <param name="options">Where and how results go.</param>
    /// <param name="isResumed">Whether the run goes on from a checkpoint, so that epochs before it stay.</param>
    public RunRecorder(RunFolder folder, RunFacts facts, Commands.OutputOptions options, bool isResumed)
    {
        (this.folder, this.facts, logEvery) = (folder, facts, options.LogEvery);
        metrics = facts.Metrics ?? MetricPlan.None;
        file = new MetricsFile(folder.File("metrics.csv"), metrics, isResumed);
        if (options.TensorBoard) board = new TensorBoardFile(folder.Path);
    }

    /// <summary>Told what happened; a disk that refuses is told of once, to <paramref name="note"/>, and does not end the run.</summary>
    public void Tell(RunEvent happened, Action<string> note)
    {
        if (isBroken) return;
        try
        {
            if (happened is RunEvent.EpochDone epoch) Add(epoch);
            else if (happened is RunEvent.StepDone step && (step.Step + 1) % logEvery == 0) board?.Add(step.Step + 1, ("step/train_loss", step.Loss), ("step/gradient_norm", step.Norm ?? double.NaN));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            isBroken = true;
            note($"warning: {folder.Path}: figures can no longer be written: {error.Message}");
        }
    }

    /// <summary>Draws the pictures.</summary>
    /// <returns>The files made.</returns>
    public IReadOnlyList<string> Draw(Action<string> note)
    {
        var made = new List<string>();
        try
        {
            string title = $"{facts.Model} on {Path.GetFileName(facts.Data)}";
            if (file.Rows.Count > 1) Save(LearningCurve.Draw(title, file.Rows, metrics), "learning-curve", made);
            if (last?.Confusion is { Names.Length: <= ConfusionPicture.MostClasses } confusion) Save(ConfusionPicture.Draw($"{title}: test data", confusion), "confusion-matrix", made);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or DllNotFoundException or TypeInitializationException)
        {
            note($"warning: no pictures: {(error.InnerException ?? error).Message}");
        }
        return made;
    }

    /// <summary>Ends the files.</summary>
    public void Dispose() => board?.Dispose();

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

    private void Save(Picture picture, string name, List<string> made)
    {
        string svg = folder.File(name + ".svg");
        picture.SaveSvg(svg);
        made.Add(svg);
        string png = folder.File(name + ".png");
        picture.SavePng(png);
        made.Add(png);
    }
}
