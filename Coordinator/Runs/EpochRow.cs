using System.Collections.Immutable;

namespace DistTrain.Coordinator.Runs;

/// <summary>An epoch as the run's folder keeps it.</summary>
/// <param name="Epoch">Its number, from 1.</param>
/// <param name="Step">Steps done at its end.</param>
/// <param name="TrainLoss">Its mean training loss.</param>
/// <param name="TrainAccuracy">Its share of right predictions in training; null where that means nothing.</param>
/// <param name="TestLoss">The test loss; null without test data.</param>
/// <param name="Metrics">What was measured on the test data, by name in events.</param>
/// <param name="LearningRate">The learning rate of its last step.</param>
/// <param name="SamplesPerSecond">Samples over the time spent training.</param>
/// <param name="IsBest">Whether it was the best so far.</param>
internal sealed record EpochRow(
    int Epoch, long Step, double TrainLoss, double? TrainAccuracy, double? TestLoss, ImmutableSortedDictionary<string, double> Metrics, double LearningRate, double SamplesPerSecond, bool IsBest)
{
    /// <summary>Of an event.</summary>
    public static EpochRow Of(RunEvent.EpochDone done, long step) => new(
        done.Epoch + 1, step, done.TrainLoss, done.TrainAccuracy, done.TestLoss, done.Metrics is { } report ? Scheduling.NamedValues.Of(report) : ImmutableSortedDictionary<string, double>.Empty,
        done.LearningRate, done.SamplesPerSecond, done.IsBest);
}
