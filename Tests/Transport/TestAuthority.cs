using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DistTrain.Transport;

namespace DistTrain.Tests.Transport;

/// <summary>A certificate authority made for one test, and the nodes' certificates that it signs. Nothing of it is ever committed.</summary>
internal sealed class TestAuthority : IDisposable
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 root;

    public TestAuthority(string name)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
    }

    /// <summary>Writes PEM files for one node.</summary>
    public TlsFiles Write(string folder, string node, bool expired = false)
    {
        using var nodeKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={node}", nodeKey, HashAlgorithmName.SHA256);
        var (from, to) = expired ? (-50, -10) : (-50, 50);
        using var certificate = request.Create(root, DateTimeOffset.UtcNow.AddMinutes(from), DateTimeOffset.UtcNow.AddMinutes(to), RandomNumberGenerator.GetBytes(8));
        var files = new TlsFiles(Path.Combine(folder, node + ".crt"), Path.Combine(folder, node + ".key"), Path.Combine(folder, node + "-ca.crt"));
        File.WriteAllText(files.Certificate, certificate.ExportCertificatePem());
        File.WriteAllText(files.Key, nodeKey.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(files.Authority, root.ExportCertificatePem());
        return files;
    }

    public void Dispose()
    {
        root.Dispose();
        key.Dispose();
    }
}
