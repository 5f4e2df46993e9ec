using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace DistTrain.Tests.Examples;

/// <summary>What the README shows is what is compiled and run here; what it links to is there.</summary>
public partial class ReadmeTests
{
    private static readonly string Root = FindRoot();

    private static readonly string Readme = File.ReadAllText(Path.Combine(Root, "README.md"));

    [Fact]
    public async Task The_example_of_a_model_of_ones_own_trains_alone_and_on_a_cluster_to_the_same_bits()
    {
        Assert.Contains(Example("OwnModelExample.cs"), Readme, StringComparison.Ordinal);
        var console = new StringWriter();
        await OwnModelExample.RunAsync(console);
        var lines = console.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(6, lines.Length);
        Assert.StartsWith("epoch 5: loss 0.", lines[4], StringComparison.Ordinal);
        Assert.Equal("True", lines[5]);
    }

    [Fact]
    public void The_two_lines_do_what_the_comments_beside_them_say()
    {
        Assert.Contains(Example("TwoLinesExample.cs"), Readme, StringComparison.Ordinal);
        var console = new StringWriter();
        TwoLinesExample.Run(console);
        Assert.Equal(["100, 100", "0.9, 1.9"], console.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("CONTRIBUTING.md")]
    [InlineData("docs/README.md")]
    [InlineData("deploy/README.md")]
    public void Every_link_leads_somewhere(string page)
    {
        var folder = Path.GetDirectoryName(Path.Combine(Root, page))!;
        var links = Link().Matches(File.ReadAllText(Path.Combine(Root, page))).Select(m => m.Groups[1].Value).Where(link => !link.Contains("://", StringComparison.Ordinal));
        Assert.All(links, link => Assert.True(Path.Exists(Path.Combine(folder, link.Split('#')[0])), $"{page} links to {link}"));
    }

    internal static string FindRoot([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", ".."));

    /// <summary>The lines between the marks, moved to the left, with the console that everybody has.</summary>
    private static string Example(string file)
    {
        var lines = File.ReadAllLines(Path.Combine(Root, "Tests", "Examples", file));
        int from = Array.FindIndex(lines, line => line.Trim() == "// <example>"), to = Array.FindIndex(lines, line => line.Trim() == "// </example>");
        return string.Join('\n', lines[(from + 1)..to].Select(line => line.Length > 8 ? line[8..] : "")).Replace("console.", "Console.", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"(?:\]\(|src=""|srcset="")([^)""]+)[)""]")]
    private static partial Regex Link();
}
