namespace DistTrain.Worker.Operation;

/// <summary>How a node shows itself to those who run it.</summary>
public sealed record OperationOptions
{
    /// <summary>The port of the health endpoints, 0 for any free one; null for none.</summary>
    public int? HealthPort { get; init; }

    /// <summary>The form of the log on stderr, <c>text</c> or <c>json</c>; null for the few plain lines of a command that a person started.</summary>
    public string? LogFormat { get; init; }
}
