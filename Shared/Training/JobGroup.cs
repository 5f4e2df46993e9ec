using DistTrain.Nn;
using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>Parameters of a job that are updated in a way of their own.</summary>
/// <param name="Where">Picks parameters by name and parameter; of several groups that pick one, the first counts.</param>
/// <param name="Rule">Their rule; null for the job's.</param>
/// <param name="LearningRateFactor">A factor on the job's learning rate, 0 or more.</param>
public sealed record JobGroup(Func<string, Parameter, bool> Where, UpdateRule? Rule = null, double LearningRateFactor = 1);
