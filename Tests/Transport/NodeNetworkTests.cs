using DistTrain.Transport;

namespace DistTrain.Tests.Transport;

public class NodeNetworkTests
{
    [Theory]
    [InlineData("127.0.0.1", null, "127.0.0.1")]
    [InlineData("0.0.0.0", "node-7", "node-7")]
    [InlineData("10.0.0.1", "node-7", "node-7")]
    public void A_resolved_network_keeps_the_host_that_others_are_told(string host, string? publicHost, string told)
    {
        var network = new NodeNetwork { Host = host, PublicHost = publicHost };
        Assert.Equal(told, network.ReachedAt);
        Assert.Equal((told, host), (network.Resolved().PublicHost, network.Resolved().Host));
        Assert.Equal(network.IsLoopback, network.Resolved().IsLoopback);
    }

    [Fact]
    public void A_wildcard_is_looked_up_once()
    {
        var network = new NodeNetwork { Host = "0.0.0.0" }.Resolved();
        Assert.NotNull(network.PublicHost);
        Assert.NotEqual("0.0.0.0", network.PublicHost);
        Assert.Same(network.ReachedAt, network.ReachedAt);
    }
}
