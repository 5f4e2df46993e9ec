using System.Text.RegularExpressions;
using DistTrain.Tests.Examples;
using YamlDotNet.RepresentationModel;

namespace DistTrain.Tests.Deploy;

/// <summary>The compose files start what the code knows: commands, variables, ports, volumes, hosts.</summary>
public partial class ComposeTests
{
    private static readonly string Folder = Path.Combine(ReadmeTests.FindRoot(), "deploy");

    [Fact]
    public void A_coordinator_a_standby_and_workers_find_each_other()
    {
        var root = Load("compose.yaml");
        var services = Services(root);
        Assert.Equal(["coordinator", "standby", "worker"], services.Keys.Order());
        foreach (var (name, service) in services)
        {
            Assert.True(File.Exists(Path.GetFullPath(Path.Combine(Folder, service.Text("build/context"), service.Text("build/dockerfile")))), name);
            Assert.All(service.Items("volumes"), volume => Assert.Contains(volume.ToString().Split(':')[0], root.At("volumes").Texts().Keys));
            Assert.All(service.Items("networks"), network => Assert.Equal("true", root.Text($"networks/{network}/internal")));
            Assert.Equal("true", service.Text("read_only"));
        }
        var (first, second, worker) = (Node(services["coordinator"]), Node(services["standby"]), Node(services["worker"]));
        Assert.True(first.Serve!.Standby && second.Serve!.Standby);
        Assert.Equal(first.Serve.Job, second.Serve!.Job);
        Assert.Equal(first.Serve.Checkpoints, second.Serve.Checkpoints);
        Assert.Contains(services["coordinator"].Items("volumes"), volume => first.Serve.Checkpoints.Folder!.StartsWith(volume.ToString().Split(':')[1] + "/", StringComparison.Ordinal));
        Assert.Equal($"{first.Network.PublicHost}:{first.Network.Port},{second.Network.PublicHost}:{second.Network.Port}", worker.Join!.Coordinator);
        Assert.Equal(("coordinator", "standby"), (first.Network.PublicHost, second.Network.PublicHost));
        Assert.All(new[] { first, second, worker }, node => Assert.Null(node.Network.Identity()));
    }

    [Fact]
    public void The_overlay_puts_every_node_under_TLS_with_files_that_are_there()
    {
        var overlay = Load("compose.tls.yaml");
        foreach (var (name, service) in Services(Load("compose.yaml")))
        {
            var added = overlay.At($"services/{name}");
            var node = NodeSettings.Of(Command(service), Variables(service).Concat(Variables(added)).GroupBy(v => v.Key).ToDictionary(v => v.Key, v => v.Last().Value));
            Assert.False(node.Network.Insecure);
            var secrets = added.Items("secrets").Select(secret => $"/run/secrets/{secret}").ToList();
            Assert.Equal((secrets[0], secrets[1], secrets[2]), node.Network.Tls);
            Assert.All(added.Items("secrets"), secret => Assert.Equal($"./tls/{secret}", overlay.Text($"secrets/{secret}/file")));
        }
    }

    private static YamlMappingNode Load(string file) => Yaml.Parse(File.ReadAllText(Path.Combine(Folder, file)))[0];

    private static Dictionary<string, YamlNode> Services(YamlNode root) => ((YamlMappingNode)root.At("services")).Children.ToDictionary(pair => pair.Key.ToString(), pair => pair.Value);

    private static NodeSettings Node(YamlNode service) => NodeSettings.Of(Command(service), Variables(service));

    private static List<string> Command(YamlNode service) => [.. service.Items("command").Select(word => word.ToString())];

    /// <summary>The variables, each with its default where it comes from outside.</summary>
    private static Dictionary<string, string> Variables(YamlNode service) => service.At("environment").Texts().ToDictionary(pair => pair.Key, pair =>
    {
        var outer = FromOutside().Match(pair.Value);
        if (outer.Success) Assert.Equal(pair.Key, outer.Groups[1].Value);
        return outer.Success ? outer.Groups[2].Value : pair.Value;
    });

    [GeneratedRegex(@"^\$\{(\w+):-(.*)\}$")]
    private static partial Regex FromOutside();
}
