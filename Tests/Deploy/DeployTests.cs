using System.Text.RegularExpressions;
using System.Xml.Linq;
using DistTrain.Tests.Examples;

namespace DistTrain.Tests.Deploy;

/// <summary>The files in deploy/ say what the code says.</summary>
public class DeployTests
{
    private static readonly string Root = ReadmeTests.FindRoot();

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Worker")]
    public void A_Dockerfile_builds_its_project_from_locked_packages_and_runs_it_without_privileges(string project)
    {
        var lines = File.ReadAllLines(Path.Combine(Root, "deploy", $"{project}.Dockerfile"));
        var assembly = Project(project).Descendants("AssemblyName").Single().Value;

        Assert.Contains($"RUN dotnet restore {project} --locked-mode", lines);
        Assert.Contains($"ENTRYPOINT [\"dotnet\", \"/app/{assembly}.dll\"]", lines);
        Assert.Matches("^USER [1-9][0-9]*$", lines.Single(line => line.StartsWith("USER ", StringComparison.Ordinal)));
        Assert.True(Array.FindIndex(lines, line => line.StartsWith("USER", StringComparison.Ordinal)) < Array.FindIndex(lines, line => line.StartsWith("ENTRYPOINT", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Worker")]
    public void A_Dockerfile_copies_files_that_exist_and_every_project_that_is_needed(string project)
    {
        var lines = File.ReadAllLines(Path.Combine(Root, "deploy", $"{project}.Dockerfile"));
        var copied = lines.Where(line => line.StartsWith("COPY ", StringComparison.Ordinal) && !line.Contains("--from", StringComparison.Ordinal))
            .SelectMany(line => line.Split(' ')[1..^1]).ToList();

        Assert.All(copied, path => Assert.True(Path.Exists(Path.Combine(Root, path)), path));
        Assert.All(Needed(project), needed => Assert.Contains($"{needed}/", copied));
    }

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Worker")]
    public void A_Dockerfile_pins_images_of_the_target_framework(string project)
    {
        var text = File.ReadAllText(Path.Combine(Root, "deploy", $"{project}.Dockerfile"));
        var framework = XDocument.Load(Path.Combine(Root, "Directory.Build.props")).Descendants("TargetFramework").Single().Value["net".Length..];

        Assert.All(Regex.Matches(text, @"^ARG \w+=(.+)$", RegexOptions.Multiline), tag => Assert.Matches($@"^{Regex.Escape(framework)}\.\d+-\w+$", tag.Groups[1].Value));
        Assert.All(Regex.Matches(text, @"^FROM (\S+)", RegexOptions.Multiline), image => Assert.Matches(@"^mcr\.microsoft\.com/dotnet/(sdk|aspnet):\$\{(SDK|RUNTIME)\}$", image.Groups[1].Value));
    }

    [Theory]
    [InlineData("Coordinator", "coordinator")]
    [InlineData("Worker", "worker")]
    public void The_SDK_makes_an_image_of_the_same_name_for_the_same_user(string project, string role)
    {
        Assert.Equal($"disttrain-{role}", Project(project).Descendants("ContainerRepository").Single().Value);
        string user = Project(project).Descendants("ContainerUser").Single().Value;
        Assert.Contains($"USER {user}", File.ReadAllLines(Path.Combine(Root, "deploy", $"{project}.Dockerfile")));
    }

    private static XDocument Project(string name) => XDocument.Load(Path.Combine(Root, name, $"{name}.csproj"));

    /// <summary>A project and those it refers to, all the way down.</summary>
    private static IEnumerable<string> Needed(string project) =>
        Project(project).Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value)).SelectMany(Needed).Append(project).Distinct();
}
