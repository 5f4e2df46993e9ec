namespace DistTrain.Training;

/// <summary>The outer optimizer of <c>local:H</c>: SGD with Nesterov momentum on the shards' average change.</summary>
/// <param name="LearningRate">Its learning rate, above 0; 1 without momentum takes the average of the shards' weights.</param>
/// <param name="Momentum">Its momentum, in [0, 1).</param>
public sealed record OuterOptions(double LearningRate = OuterOptions.DefaultLearningRate, double Momentum = OuterOptions.DefaultMomentum)
{
    /// <summary>The learning rate where nothing is asked for.</summary>
    public const double DefaultLearningRate = 0.7;

    /// <summary>The momentum where nothing is asked for.</summary>
    public const double DefaultMomentum = 0.3;
}
