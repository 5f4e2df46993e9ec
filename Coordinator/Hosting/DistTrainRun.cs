namespace DistTrain.Coordinator.Hosting;

/// <summary>The run of an application's coordinator, for others in the application to wait for.</summary>
public sealed class DistTrainRun
{
    private readonly TaskCompletionSource<int> listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<RunResult> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The port, once workers can join.</summary>
    public Task<int> Listening => listening.Task;

    /// <summary>What the run left, once it is over. It does not throw for a run that failed: see <see cref="RunResult.Last"/>; it does where the run could not begin, and is cancelled for a standby that was not needed, or an application that stopped before it began.</summary>
    public Task<RunResult> Completion => completion.Task;

    internal void Listens(int port) => listening.TrySetResult(port);

    internal void Ended(RunResult result) => completion.TrySetResult(result);

    internal void NotNeeded()
    {
        listening.TrySetCanceled();
        completion.TrySetCanceled();
    }

    internal void Failed(Exception error)
    {
        listening.TrySetException(error);
        completion.TrySetException(error);
    }
}
