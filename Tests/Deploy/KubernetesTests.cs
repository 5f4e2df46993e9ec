using System.Diagnostics;
using DistTrain.Coordinator.Serving;
using DistTrain.Tests.Examples;
using DistTrain.Worker.Operation;
using YamlDotNet.RepresentationModel;

namespace DistTrain.Tests.Deploy;

/// <summary>The Kubernetes manifests start what the code knows: commands, variables, ports, probes, secrets, names by which nodes find each other.</summary>
public class KubernetesTests
{
    private static readonly string Folder = Path.Combine(ReadmeTests.FindRoot(), "deploy", "kubernetes");

    [Fact]
    public void The_base_as_it_is_written()
    {
        var kustomization = Yaml.Parse(File.ReadAllText(Path.Combine(Folder, "base", "kustomization.yaml")))[0];
        var all = kustomization.Items("resources").SelectMany(file => Yaml.Parse(File.ReadAllText(Path.Combine(Folder, "base", file.ToString())))).ToList();
        var job = kustomization.Items("configMapGenerator").Single();
        var literals = job.Items("literals").Select(literal => literal.ToString().Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        Check(all, new Dictionary<string, Dictionary<string, string>> { [job.Text("name")] = literals });
        string version = System.Xml.Linq.XDocument.Load(Path.Combine(ReadmeTests.FindRoot(), "Directory.Build.props")).Descendants("Version").Single().Value;
        Assert.All(kustomization.Items("images"), image => Assert.Equal(version, image.Text("newTag")));
    }

    [SkippableTheory]
    [InlineData("base", 2)]
    [InlineData("overlays/cnn", 8)]
    public void What_kustomize_makes_of_it(string path, int workers)
    {
        var all = Yaml.Parse(Kustomize(Path.Combine(Folder, path)));
        Check(all, all.Where(one => one.Text("kind") == "ConfigMap").ToDictionary(one => one.Text("metadata/name"), one => one.At("data").Texts()));
        Assert.Equal($"{workers}", Kind(all, "Deployment").Text("spec/replicas"));
    }

    private static void Check(IReadOnlyList<YamlMappingNode> all, Dictionary<string, Dictionary<string, string>> maps)
    {
        var (set, deployment, service) = (Kind(all, "StatefulSet"), Kind(all, "Deployment"), Kind(all, "Service"));
        Assert.Equal(("None", "true", "Parallel"), (service.Text("spec/clusterIP"), service.Text("spec/publishNotReadyAddresses"), set.Text("spec/podManagementPolicy")));
        Assert.Equal(service.Text("metadata/name"), set.Text("spec/serviceName"));
        foreach (var workload in new[] { set, deployment })
            Assert.All(workload.At("spec/selector/matchLabels").Texts(), label => Assert.Equal(label.Value, workload.At("spec/template/metadata/labels").Texts()[label.Key]));
        Assert.All(service.At("spec/selector").Texts(), label => Assert.Equal(label.Value, set.At("spec/template/metadata/labels").Texts()[label.Key]));

        var serve = Container(set, maps);
        Assert.True(serve.Serve!.Standby);
        Assert.Equal(ServeOptions.DefaultPort, serve.Network.Port);
        Assert.Equal($"{serve.Network.Port}", service.Text("spec/ports/0/port"));
        Assert.Contains(set.At("spec/template/spec/containers/0").Items("ports"), port => port.Text("name") == service.Text("spec/ports/0/targetPort") && port.Text("containerPort") == $"{serve.Network.Port}");
        Assert.Equal($"$(POD_NAME).{service.Text("metadata/name")}", serve.Network.PublicHost);
        string data = Mounts(set).Single(mount => mount.Text("name") == "data").Text("mountPath");
        Assert.StartsWith(data + "/", serve.Serve.Checkpoints.Folder);
        string claim = set.At("spec/template/spec").Items("volumes").Single(volume => volume.Text("name") == "data").Text("persistentVolumeClaim/claimName");
        Assert.Equal(("ReadWriteMany", claim), (Kind(all, "PersistentVolumeClaim").Text("spec/accessModes/0"), Kind(all, "PersistentVolumeClaim").Text("metadata/name")));

        var join = Container(deployment, maps);
        var coordinators = Enumerable.Range(0, int.Parse(set.Text("spec/replicas"))).Select(i => $"{set.Text("metadata/name")}-{i}.{service.Text("metadata/name")}:{serve.Network.Port}");
        Assert.Equal(string.Join(',', coordinators), join.Join!.Coordinator);
    }

    /// <summary>The one container of a workload: probes, ports, secrets and volumes fit together, and its variables are settings of its command.</summary>
    private static NodeSettings Container(YamlNode workload, Dictionary<string, Dictionary<string, string>> maps)
    {
        var pod = workload.At("spec/template/spec");
        var container = Assert.Single(pod.Items("containers"));
        var variables = container.Items("envFrom").SelectMany(source => maps[source.Text("configMapRef/name")]).ToDictionary();
        foreach (var variable in container.Items("env")) variables[variable.Text("name")] = variable.Has("value") ? variable.Text("value") : "10.0.0.7";
        variables.Remove("POD_NAME");
        var node = NodeSettings.Of([.. container.Items("args").Select(word => word.ToString())], variables);
        Assert.Equal("0.0.0.0", node.Network.Host);
        Assert.Contains(container.Items("ports"), port => port.Text("name") == "health" && port.Text("containerPort") == $"{node.Operation.HealthPort}");
        Assert.Equal((HealthServer.LivePath, "health"), (container.Text("livenessProbe/httpGet/path"), container.Text("livenessProbe/httpGet/port")));
        Assert.Equal((HealthServer.ReadyPath, "health"), (container.Text("readinessProbe/httpGet/path"), container.Text("readinessProbe/httpGet/port")));
        // The names of the files in a Secret of type kubernetes.io/tls, with cert-manager's ca.crt.
        string tls = Mounts(workload).Single(mount => mount.Text("name") == "tls").Text("mountPath");
        Assert.Equal(($"{tls}/tls.crt", $"{tls}/tls.key", $"{tls}/ca.crt"), node.Network.Tls);
        Assert.Contains(NodeSettings.Token, variables.Keys);
        var volumes = pod.Items("volumes").Select(volume => volume.Text("name")).ToList();
        Assert.All(Mounts(workload), mount => Assert.Contains(mount.Text("name"), volumes));
        Assert.Equal("true", pod.Text("securityContext/runAsNonRoot"));
        Assert.EndsWith(node.Command == "join" ? "disttrain-worker" : "disttrain-coordinator", container.Text("image").Split(':')[0]);
        return node;
    }

    private static IReadOnlyList<YamlNode> Mounts(YamlNode workload) => workload.At("spec/template/spec/containers/0").Items("volumeMounts");

    private static YamlMappingNode Kind(IEnumerable<YamlMappingNode> all, string kind) => Assert.Single(all, one => one.Text("kind") == kind);

    private static string Kustomize(string folder)
    {
        try
        {
            using var kubectl = Process.Start(new ProcessStartInfo("kubectl", ["kustomize", folder]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var errors = kubectl.StandardError.ReadToEndAsync();
            string made = kubectl.StandardOutput.ReadToEnd();
            kubectl.WaitForExit();
            Assert.True(kubectl.ExitCode == 0, errors.Result);
            return made;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new SkipException("kubectl is not installed");
        }
    }
}
