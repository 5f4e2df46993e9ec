namespace DistTrain.Training.Files;

/// <summary>Something that is wrong with a job.</summary>
/// <param name="Path">What it is about, such as <c>model[2].in_features</c>.</param>
/// <param name="Message">What was found and what is allowed, such as <c>was 100, expected 784</c>.</param>
public sealed record JobProblem(string Path, string Message)
{
    /// <summary>The file; null where there is none.</summary>
    public string? File { get; init; }

    /// <summary>The line, from 1; 0 where there is no file.</summary>
    public int Line { get; init; }

    /// <summary>The column, from 1; 0 where there is no file.</summary>
    public int Column { get; init; }

    /// <summary>As compilers write it: <c>job.json:3:5: model[2].in_features was 100, expected 784</c>.</summary>
    public override string ToString() => File is null ? $"{Path} {Message}" : $"{File}:{Line}:{Column}: {Path} {Message}";
}

/// <summary>A job that cannot be run, with all that is wrong with it: a line for each.</summary>
public sealed class JobErrorException(IReadOnlyList<JobProblem> problems) : UserErrorException(string.Join('\n', problems))
{
    /// <summary>What is wrong.</summary>
    public IReadOnlyList<JobProblem> Problems => problems;
}
