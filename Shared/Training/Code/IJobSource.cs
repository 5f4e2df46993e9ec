namespace DistTrain.Training.Code;

/// <summary>
/// A job in C# that commands find by its type's name: <c>local --job MyJobs.dll:MyJobs.SpamFilter</c>. The class needs a constructor without parameters. A static property or method of type
/// <see cref="TrainingJob"/> does as well.
/// </summary>
public interface IJobSource
{
    /// <summary>Makes the job: in every process, always the same.</summary>
    TrainingJob Create();
}
