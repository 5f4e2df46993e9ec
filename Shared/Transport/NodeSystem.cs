using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Remote.Transport.DotNetty;
using DistTrain.Protocol;

namespace DistTrain.Transport;

/// <summary>Makes the actor system of a node: remoting and cluster membership, under mutual TLS where the node has an identity.</summary>
public static class NodeSystem
{
    /// <summary>The name that all nodes' systems share; nodes of another name are not talked to.</summary>
    public const string Name = "disttrain";

    /// <summary>The role of nodes that run a coordinator.</summary>
    public const string CoordinatorRole = "coordinator";

    /// <summary>The role of nodes that run workers.</summary>
    public const string WorkerRole = "worker";

    /// <summary>Starts a node's actor system.</summary>
    /// <param name="role">What the node is.</param>
    /// <param name="network">How it is reached.</param>
    /// <param name="identity">Its certificate; null for a network without TLS.</param>
    /// <param name="seal">The seal of the job's token; null for a job without one.</param>
    /// <exception cref="UserErrorException">The address or port cannot be used.</exception>
    public static ExtendedActorSystem Start(string role, NodeNetwork network, NodeIdentity? identity, MessageSeal? seal = null)
    {
        var setup = BootstrapSetup.Create().WithConfig(Config(role, network, identity is not null).WithFallback(ProtocolConfig.Shared));
        var all = ActorSystemSetup.Create(setup);
        if (identity is not null) all = all.And(new DotNettySslSetup(identity.Certificate, false, true, false, (peer, _, _, _, _) => identity.IsTrusted(peer)));
        if (seal is not null) all = all.And(seal);
        try
        {
            return (ExtendedActorSystem)ActorSystem.Create(Name, all);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            var root = error is AggregateException many ? many.Flatten().InnerExceptions[0] : error;
            throw new UserErrorException($"{network.Host}:{network.Port} cannot be listened on: {root.GetBaseException().Message}", error);
        }
    }

    /// <summary>The address of a node, as <c>host:port</c> names it.</summary>
    /// <exception cref="UserErrorException">The text is no such name.</exception>
    public static Address AddressOf(string text, bool tls, string option = "--coordinator")
    {
        int colon = text.LastIndexOf(':');
        if (colon < 1 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0)
            throw new UserErrorException($"{option} was '{text}', expected host:port, such as 127.0.0.1:4053");
        return new Address(tls ? "akka.ssl.tcp" : "akka.tcp", Name, text[..colon].Trim('[', ']'), port);
    }

    /// <summary>The address of a host that is to be listened on.</summary>
    /// <exception cref="SocketException">There is no such host.</exception>
    public static IPAddress ResolveHost(string host) => IPAddress.TryParse(host, out var given) ? given : Dns.GetHostAddresses(host)[0];

    /// <summary>Whether a port can be listened on now.</summary>
    /// <exception cref="UserErrorException">It cannot.</exception>
    public static void CheckPort(NodeNetwork network)
    {
        try
        {
            using var probe = new TcpListener(ResolveHost(network.Host), network.Port);
            probe.Start();
        }
        catch (SocketException error)
        {
            throw new UserErrorException($"--port was {network.Port}, expected one that is free on {network.Host}: {error.Message}", error);
        }
    }

    private static string Named<T>() => $"{typeof(T).FullName}, {typeof(T).Assembly.GetName().Name}";

    private static Config Config(string role, NodeNetwork network, bool tls) => ConfigurationFactory.ParseString($$"""
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          actor {
            provider = cluster
            serializers {
              akka-misc = "{{Named<GuardedMiscSerializer>()}}"
              akka-system-msg = "{{Named<GuardedSystemMessageSerializer>()}}"
              daemon-create = "{{Named<RefusingDeploySerializer>()}}"
            }
          }
          # Who leaves says so before it ends its system; at the end of one whose peers are gone, nobody is there to wait for.
          coordinated-shutdown.run-by-actor-system-terminate = off
          remote {
            retry-gate-closed-for = 500ms
            dot-netty.tcp {
              bind-hostname = "{{network.Host}}"
              public-hostname = "{{network.ReachedAt}}"
              hostname = "{{network.Host}}"
              port = {{network.Port}}
              enable-ssl = {{(tls ? "on" : "off")}}
            }
          }
          cluster {
            roles = ["{{role}}"]
            downing-provider-class = ""
            run-coordinated-shutdown-when-down = on
            retry-unsuccessful-join-after = 1s
            failure-detector {
              heartbeat-interval = 500ms
              acceptable-heartbeat-pause = {{(int)network.Detection.TotalMilliseconds}}ms
            }
          }
        }
        """);
}
