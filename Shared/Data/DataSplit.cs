using System.Collections.Immutable;
using System.Security.Cryptography;

namespace DistTrain.Data;

/// <summary>A job's data: what it trains on, and what it is tested on, of the same shapes.</summary>
/// <param name="Name">A short name for messages, such as <c>digits</c>.</param>
/// <param name="Train">The training samples.</param>
/// <param name="Test">The test samples, where there are any.</param>
public sealed record DataSplit(string Name, IDataset Train, IDataset? Test)
{
    /// <summary>How a table became inputs and targets, to read other rows the same way; null for other data.</summary>
    public TableEncoding? Encoding { get; init; }

    /// <summary>What a user should be told once, such as the rows that were skipped; each one line.</summary>
    public ImmutableArray<string> Notices { get; init; } = [];

    /// <summary>Counts and shapes, for people: what two machines' data can be told apart by first.</summary>
    public string Summary => $"{Train.Count} training and {Test?.Count ?? 0} test samples of {Train.Inputs} with targets {Train.Targets}";

    /// <summary>SHA-256 over both parts' fingerprints as 64 hex digits.</summary>
    public string Fingerprint =>
        Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes($"{Train.Fingerprint}\n{Test?.Fingerprint}")));
}
