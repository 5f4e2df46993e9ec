using System.Security.Cryptography;
using System.Text;
using DistTrain.Protocol;

namespace DistTrain.Worker.Node;

/// <summary>The secret of one job: a worker that does not know it is refused, and no message of one is read. It never travels itself.</summary>
public sealed class JobToken
{
    private const string Variable = "DISTTRAIN_TOKEN";

    private readonly byte[] secret;

    private JobToken(byte[] secret) => this.secret = secret;

    /// <summary>Reads the token from a file or, without one, from the environment; null where there is none.</summary>
    /// <exception cref="UserErrorException">The file is missing or empty.</exception>
    public static JobToken? Load(string? file)
    {
        string? text = Environment.GetEnvironmentVariable(Variable);
        if (file is not null)
        {
            try
            {
                text = File.ReadAllText(file);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new UserErrorException($"--token-file {file}: cannot be read: {error.Message}", error);
            }
            if (text.Trim().Length == 0) throw new UserErrorException($"--token-file {file}: is empty, expected the job's token");
        }
        return string.IsNullOrWhiteSpace(text) ? null : new JobToken(Encoding.UTF8.GetBytes(text.Trim()));
    }

    /// <summary>What messages between nodes that know the token carry.</summary>
    public MessageSeal Seal() => new(secret);

    /// <summary>Proves to know the token, for one lifetime of one node.</summary>
    public byte[] Prove(string name, Incarnation incarnation) => HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes($"{name}\n{incarnation.Value}"));

    /// <summary>Whether a node knows the token.</summary>
    public bool Accepts(string name, Incarnation incarnation, byte[] proof) => CryptographicOperations.FixedTimeEquals(Prove(name, incarnation), proof);
}
