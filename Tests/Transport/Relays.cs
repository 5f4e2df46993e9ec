namespace DistTrain.Tests.Transport;

/// <summary>A relay in front of each node, its faults chosen anew for each connection.</summary>
internal sealed class Relays(Func<Fault> fault, Func<int> at) : IDisposable
{
    private readonly List<Relay> relays = [];
    private readonly Lock gate = new();

    public int Faults => relays.Sum(relay => relay.Faults);

    public static int FreePort()
    {
        using var probe = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        probe.Start();
        return ((System.Net.IPEndPoint)probe.LocalEndpoint).Port;
    }

    public int To(int port)
    {
        var relay = new Relay(port, _ =>
        {
            lock (gate) return (fault(), at());
        });
        relays.Add(relay);
        return relay.Port;
    }

    public void Dispose()
    {
        foreach (var relay in relays) relay.Dispose();
    }
}
