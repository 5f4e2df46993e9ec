namespace DistTrain.Coordinator.Output;

/// <summary>Tells of a run as it goes. Called by one thread at a time.</summary>
internal interface IRunOutput : IDisposable
{
    /// <summary>Something happened; the last event of a run is told by the other methods instead.</summary>
    void Tell(RunEvent happened);

    /// <summary>A note for people, such as that the run is about to stop.</summary>
    void Note(string text);

    /// <summary>The run has ended, done or on request, and its weights are saved.</summary>
    void Ended(RunSummary summary);

    /// <summary>The run has failed.</summary>
    void Failed(string error);
}
