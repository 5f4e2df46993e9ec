namespace DistTrain.Transport;

/// <summary>Where a node's TLS material stands: PEM files, as in a Kubernetes TLS Secret.</summary>
/// <param name="Certificate">The node's certificate (<c>tls.crt</c>); intermediate ones may follow in the file.</param>
/// <param name="Key">Its private key (<c>tls.key</c>), not encrypted.</param>
/// <param name="Authority">The authority that all nodes' certificates must come from (<c>ca.crt</c>).</param>
public sealed record TlsFiles(string Certificate, string Key, string Authority);
