using Akka.Configuration;

namespace DistTrain.Protocol;

/// <summary>The Akka settings that every actor system of DistTrain shares, local, cluster and test alike: what may be serialized and how.</summary>
public static class ProtocolConfig
{
    /// <summary>One serializer for <see cref="IProtocolMessage"/>, JSON refused both ways, strict serialization on, quiet logs, actors that fail are stopped, not restarted, and <see cref="Defects"/> knows why.</summary>
    public static Config Shared { get; } = ConfigurationFactory.ParseString($$"""
        akka {
          loglevel = WARNING
          stdout-loglevel = WARNING
          log-dead-letters = off
          log-dead-letters-during-shutdown = off
          coordinated-shutdown.exit-clr = off
          # Signals belong to the command: Akka's own hook would end the system under a run that is about to finish its step and save.
          coordinated-shutdown.run-by-clr-shutdown-hook = off
          actor {
            guardian-supervisor-strategy = "{{typeof(Defects.Strategy).FullName}}, {{typeof(Defects.Strategy).Assembly.GetName().Name}}"
            serialization-settings.allow-unregistered-types = false
            serializers {
              disttrain = "{{typeof(ProtocolSerializer).FullName}}, {{typeof(ProtocolSerializer).Assembly.GetName().Name}}"
              json = "{{typeof(RefusingJsonSerializer).FullName}}, {{typeof(RefusingJsonSerializer).Assembly.GetName().Name}}"
            }
            serialization-bindings {
              "{{typeof(IProtocolMessage).FullName}}, {{typeof(IProtocolMessage).Assembly.GetName().Name}}" = disttrain
            }
            serialization-identifiers {
              "{{typeof(ProtocolSerializer).FullName}}, {{typeof(ProtocolSerializer).Assembly.GetName().Name}}" = {{ProtocolSerializer.Id}}
            }
          }
        }
        """).WithFallback(ActorTurns.Settings);
}
