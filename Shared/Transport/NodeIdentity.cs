using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace DistTrain.Transport;

/// <summary>
/// A node's certificate and the authority it trusts. Both sides of every connection present a certificate of that authority; host names are not compared, because nodes come and go under
/// changing addresses: belonging to the authority is what admits a node.
/// </summary>
public sealed class NodeIdentity : IDisposable
{
    private readonly X509Certificate2Collection authorities;

    private NodeIdentity(X509Certificate2 certificate, X509Certificate2Collection authorities)
    {
        Certificate = certificate;
        this.authorities = authorities;
    }

    /// <summary>The node's certificate with its private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>Reads the files and checks that they fit together: the key belongs to the certificate, and the certificate to the authority.</summary>
    /// <exception cref="UserErrorException">A file is missing or damaged, or they do not fit together.</exception>
    public static NodeIdentity Load(TlsFiles files)
    {
        var authorities = new X509Certificate2Collection();
        Read("--tls-ca", files.Authority, () => authorities.ImportFromPemFile(files.Authority));
        if (authorities.Count == 0) throw new UserErrorException($"--tls-ca {files.Authority}: holds no certificate");
        X509Certificate2? certificate = null;
        Read("--tls-certificate", files.Certificate, () => _ = File.ReadAllText(files.Certificate));
        Read("--tls-key", files.Key, () =>
        {
            using var pem = X509Certificate2.CreateFromPemFile(files.Certificate, files.Key);
            // Server-side TLS wants the key where the platform keeps it, which a round trip through PKCS #12 does.
            certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
        });
        var identity = new NodeIdentity(certificate!, authorities);
        if (identity.IsTrusted(identity.Certificate)) return identity;
        string subject = identity.Certificate.Subject;
        identity.Dispose();
        throw new UserErrorException($"--tls-certificate {files.Certificate}: {subject} does not come from the authority in {files.Authority}, or has expired");
    }

    /// <summary>Uses certificates that are already in memory.</summary>
    public static NodeIdentity From(X509Certificate2 certificate, X509Certificate2Collection authorities) => new(certificate, authorities);

    /// <summary>Whether a peer's certificate is there, valid now, and comes from the authority.</summary>
    public bool IsTrusted(X509Certificate? peer)
    {
        if (peer == null) return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(peer as X509Certificate2 ?? new X509Certificate2(peer));
    }

    /// <summary>Options for the side that accepts a connection.</summary>
    public SslServerAuthenticationOptions ServerOptions() => new()
    {
        ServerCertificate = Certificate,
        ClientCertificateRequired = true,
        RemoteCertificateValidationCallback = (_, peer, _, _) => IsTrusted(peer),
    };

    /// <summary>Options for the side that opens a connection.</summary>
    public SslClientAuthenticationOptions ClientOptions(string host) => new()
    {
        TargetHost = host,
        ClientCertificates = [Certificate],
        RemoteCertificateValidationCallback = (_, peer, _, _) => IsTrusted(peer),
    };

    /// <summary>Forgets the private key.</summary>
    public void Dispose() => Certificate.Dispose();

    private static void Read(string option, string path, Action action)
    {
        try
        {
            action();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{option} {path}: {(File.Exists(path) ? "cannot be read" : "no such file")}", error);
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            throw new UserErrorException($"{option} {path}: not a PEM file that fits: {error.Message}", error);
        }
    }
}
