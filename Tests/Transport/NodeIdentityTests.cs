using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using DistTrain.Transport;

namespace DistTrain.Tests.Transport;

public sealed class NodeIdentityTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("disttrain-tls-").FullName;
    private readonly TestAuthority ours = new("our authority");
    private readonly TestAuthority theirs = new("another authority");

    public void Dispose()
    {
        ours.Dispose();
        theirs.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Nodes_of_one_authority_shake_hands_both_ways()
    {
        using var server = NodeIdentity.Load(ours.Write(folder, "coordinator"));
        using var client = NodeIdentity.Load(ours.Write(folder, "worker"));
        Assert.Equal("hello", await Talk(server, client.ClientOptions("127.0.0.1")));
    }

    [Fact]
    public async Task A_stranger_of_another_authority_or_without_a_certificate_gets_nothing()
    {
        using var server = NodeIdentity.Load(ours.Write(folder, "coordinator"));
        using var stranger = NodeIdentity.Load(theirs.Write(folder, "stranger"));
        Assert.Null(await Talk(server, stranger.ClientOptions("127.0.0.1")));
        Assert.Null(await Talk(server, new SslClientAuthenticationOptions { TargetHost = "127.0.0.1", RemoteCertificateValidationCallback = (_, _, _, _) => true }));
        Assert.False(server.IsTrusted(null));
    }

    [Fact]
    public void Files_that_do_not_fit_together_are_refused_by_name()
    {
        var (a, b) = (ours.Write(folder, "a"), theirs.Write(folder, "b"));
        Says("no such file", a with { Key = Path.Combine(folder, "none.key") });
        Says("not a PEM file that fits", a with { Key = b.Key });
        Says("does not come from the authority", a with { Authority = b.Authority });
        Says("or has expired", ours.Write(folder, "old", expired: true));
        File.WriteAllText(Path.Combine(folder, "empty"), "");
        Says("holds no certificate", a with { Authority = Path.Combine(folder, "empty") });
    }

    private static void Says(string expected, TlsFiles files)
    {
        var error = Assert.Throws<UserErrorException>(() => NodeIdentity.Load(files));
        Assert.Contains(expected, error.Message);
        Assert.StartsWith("--tls-", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    /// <summary>What the client receives from the server over TLS; null when the connection is refused.</summary>
    private static async Task<string?> Talk(NodeIdentity server, SslClientAuthenticationOptions client)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = Task.Run(async () =>
        {
            using var accepted = await listener.AcceptTcpClientAsync();
            await using var stream = new SslStream(accepted.GetStream());
            await stream.AuthenticateAsServerAsync(server.ServerOptions());
            await stream.WriteAsync("hello"u8.ToArray());
            await stream.ShutdownAsync();
        });
        using var socket = new TcpClient();
        await socket.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        await using var tls = new SslStream(socket.GetStream());
        try
        {
            await tls.AuthenticateAsClientAsync(client);
            using var reader = new StreamReader(tls);
            string text = await reader.ReadToEndAsync();
            await serving;
            return text.Length > 0 ? text : null;
        }
        catch (Exception error) when (error is IOException or System.Security.Authentication.AuthenticationException)
        {
            await Assert.ThrowsAnyAsync<Exception>(() => serving);
            return null;
        }
    }
}
