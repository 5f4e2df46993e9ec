namespace DistTrain.Nn;

/// <summary>What a loss teaches a model, and so what its outputs mean to metrics.</summary>
public enum LearningTask
{
    /// <summary>Something that metrics do not know.</summary>
    Other,

    /// <summary>Numbers: each output is compared with its own target.</summary>
    Regression,

    /// <summary>One class of several: the largest output is the prediction.</summary>
    Classes,

    /// <summary>Yes or no for each output: a logit above 0 says yes.</summary>
    Labels,
}
