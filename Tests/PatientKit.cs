using Akka.Configuration;
using DistTrain.Protocol;

namespace DistTrain.Tests;

/// <summary>The settings of tests among probes: as nodes have them, and patient, since a machine that does much else too may take seconds for what takes a moment.</summary>
internal static class PatientKit
{
    /// <summary>For <c>TestKit</c>.</summary>
    public static Config Config { get; } = ConfigurationFactory.ParseString("akka.test.single-expect-default = 30s").WithFallback(ProtocolConfig.Shared);
}
