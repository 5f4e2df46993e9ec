namespace DistTrain.Coordinator.Output;

/// <summary>What is known of a run before it starts.</summary>
/// <param name="Job">The job's name.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Data">The data's name.</param>
/// <param name="TrainCount">Training samples.</param>
/// <param name="TestCount">Test samples.</param>
/// <param name="Epochs">Epochs that the run will come to; the last one may be cut short by a limit on steps.</param>
/// <param name="StepsPerEpoch">Steps in an epoch.</param>
/// <param name="TotalSteps">Steps of the run.</param>
/// <param name="BatchSize">Samples of one global batch.</param>
/// <param name="Numerics">The numerics level that it computes with.</param>
/// <param name="Port">The port that it listens on; null without a network.</param>
internal sealed record RunFacts(string Job, string Model, string Data, int TrainCount, int TestCount, int Epochs, long StepsPerEpoch, long TotalSteps, int BatchSize, string Numerics, int? Port = null);

/// <summary>What a run came to, once its weights are saved.</summary>
/// <param name="Totals">Its figures.</param>
/// <param name="Reason">Why it was ended before it was done; null for a run that is done.</param>
/// <param name="Weights">The weights' file.</param>
/// <param name="WeightsSha256">SHA-256 of the parameters.</param>
/// <param name="StateSha256">SHA-256 of all that a run goes on from.</param>
/// <param name="Elapsed">Time since its start.</param>
internal sealed record RunSummary(RunTotals Totals, string? Reason, string Weights, string WeightsSha256, string StateSha256, TimeSpan Elapsed);
