namespace DistTrain.Training;

/// <summary>What a step does when its averaged gradient is not finite.</summary>
public enum OnNonFinite
{
    /// <summary>Ends the run.</summary>
    Fail,

    /// <summary>Leaves weights and state as they are, counts the step as skipped and goes on.</summary>
    Skip,
}
