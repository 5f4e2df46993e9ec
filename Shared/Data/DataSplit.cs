namespace DistTrain.Data;

/// <summary>A job's data: what it trains on, and what it is tested on, of the same shapes.</summary>
/// <param name="Name">A short name for messages, such as <c>digits</c>.</param>
/// <param name="Train">The training samples.</param>
/// <param name="Test">The test samples, where there are any.</param>
public sealed record DataSplit(string Name, IDataset Train, IDataset? Test)
{
    /// <summary>SHA-256 over both parts' fingerprints as 64 hex digits.</summary>
    public string Fingerprint => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(
        System.Text.Encoding.ASCII.GetBytes($"{Train.Fingerprint}\n{Test?.Fingerprint}")));
}
