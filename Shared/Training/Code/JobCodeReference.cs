namespace DistTrain.Training.Code;

/// <summary>Which C# a job is made by, as checkpoints and workers are told: code itself never travels.</summary>
/// <param name="Assembly">The assembly's name.</param>
/// <param name="Type">The type's full name.</param>
/// <param name="Fingerprint">SHA-256 (hex) over the assembly and those that it was built with.</param>
public sealed record JobCodeReference(string Assembly, string Type, string Fingerprint);
