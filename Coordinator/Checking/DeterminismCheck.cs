using DistTrain.Data;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator.Checking;

/// <summary>What a check of a job's bits found.</summary>
/// <param name="Steps">Steps that were compared.</param>
/// <param name="Shards">Logical shards that it was run with.</param>
/// <param name="Difference">What differs, and where first; null for nothing.</param>
/// <param name="Step">The first step, from 1, behind which weights differ; 0 where nothing was run.</param>
/// <param name="Parameter">The first parameter that differs, by its name; null where that is not known.</param>
/// <param name="Weights">SHA-256 of the weights behind the last step; null where they differ.</param>
internal sealed record DeterminismReport(int Steps, int Shards, string? Difference, int Step, string? Parameter, string? Weights);

/// <summary>
/// Runs a job's first steps twice with one worker and twice with two, each time made anew, and compares the bits. Where they differ, says at which step and parameter, and looks for what broke them: the initial
/// values, the data, a layer's output, a gradient.
/// </summary>
internal static class DeterminismCheck
{
    /// <summary>The steps that are run.</summary>
    public const int Steps = 3;

    private static readonly int[] Workers = [1, 1, 2, 2];

    /// <summary>Checks.</summary>
    /// <param name="make">Makes the job; called for every run.</param>
    /// <param name="progress">Told what is being done.</param>
    public static async Task<DeterminismReport> RunAsync(Func<TrainingJob> make, Action<string> progress)
    {
        var jobs = new TrainingJob[Workers.Length];
        for (int i = 0; i < jobs.Length; i++) jobs[i] = Short(make());
        int shards = jobs[0].Shards;
        progress("the model and the data, made twice");
        if (ReplicaDifference.InModel(jobs[0], jobs[1]) is var (model, parameter) && model is not null) return new DeterminismReport(Steps, shards, model, 0, parameter, null);
        if (ReplicaDifference.InData(jobs[0].Data, jobs[1].Data) is { } data) return new DeterminismReport(Steps, shards, data, 0, null, null);
        string hash = "";
        for (int step = 1; step <= Steps; step++)
        {
            progress($"step {step} of {Steps}, with 1 and 2 workers");
            RunResult? first = null;
            for (int run = 0; run < jobs.Length; run++)
            {
                var result = await RunAsync(jobs[run] with { MaxSteps = step }, Workers[run]).ConfigureAwait(false);
                if (result.Last is RunEvent.Failed failed) throw new UserErrorException($"the job fails in its first {step} steps: {failed.Error}");
                first ??= result;
                if (result.WeightsSha256 == first.WeightsSha256 && result.StateSha256 == first.StateSha256) continue;
                string different = FirstDifference(first, result) ?? "the optimizer's state";
                string how = Workers[run] == 1 ? "two runs with one worker" : "runs with one and two workers";
                string cause = ReplicaDifference.InPiece(jobs[0], jobs[run]) is { } found ? $": {found}" : "";
                return new DeterminismReport(Steps, shards, $"behind step {step} {how} differ in {different}{cause}", step, different, null);
            }
            hash = first!.WeightsSha256;
        }
        return new DeterminismReport(Steps, shards, null, Steps, null, hash);
    }

    /// <summary>The job without evaluation, in two shards at least, so that two workers have work.</summary>
    private static TrainingJob Short(TrainingJob job) => job with
    {
        Data = job.Data with { Test = null },
        Shards = Math.Max(job.Shards, Math.Min(2, job.BatchSize)),
        Epochs = Math.Max(job.Epochs, Steps),
        Consistency = Consistency.Default,
        // What looks at epochs, or at the rounds of another consistency, has nothing to do in a few steps.
        EarlyStop = null,
        Plateau = null,
        Outer = null,
        Metrics = [],
    };

    private static async Task<RunResult> RunAsync(TrainingJob job, int workers)
    {
        await using var cluster = new LocalCluster(job.Options is { } options ? ClusterJob.From(job, options) : ClusterJob.From(job), new ClusterOptions { Workers = workers });
        return await cluster.RunAsync().ConfigureAwait(false);
    }

    private static string? FirstDifference(RunResult a, RunResult b) =>
        a.Layout.Parameters.Concat(a.Layout.Buffers).FirstOrDefault(entry => !ReplicaDifference.SameBits(a.Weights.Slice(entry.Offset, entry.Length), b.Weights.Slice(entry.Offset, entry.Length)))?.Name;
}
