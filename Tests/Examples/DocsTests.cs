using System.CommandLine;
using System.Text.RegularExpressions;
using DistTrain.Coordinator.Commands;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Nn.Models;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;
using DistTrain.Tests.Data;
using DistTrain.Training;
using DistTrain.Worker.Node;
using Microsoft.Extensions.DependencyInjection;

namespace DistTrain.Tests.Examples;

/// <summary>The C# that the pages in docs/ show is compiled, and does what they say.</summary>
public sealed partial class DocsTests
{
    private static readonly string Root = ReadmeTests.FindRoot();

    public static TheoryData<string> Pages => [.. Directory.GetFiles(Path.Combine(Root, "docs"), "*.md").Where(page => Snippets(page).Any()).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void What_a_page_shows_is_what_is_compiled(string page)
    {
        string[] sources = [Path.Combine(Root, "Tests", "Examples", "DocSnippets.cs"), .. Directory.GetFiles(Path.Combine(Root, "Examples", "SpamFilter"), "*.cs")];
        string compiled = string.Concat(sources.Select(file => Plain(File.ReadAllText(file))));
        Assert.All(Snippets(Path.Combine(Root, "docs", page)), snippet => Assert.True(compiled.Contains(Plain(snippet), StringComparison.Ordinal), $"{page} shows what Tests/Examples/DocSnippets.cs does not have:\n{snippet}"));
    }

    [Fact]
    public void The_command_lines_that_pages_show_name_commands_and_options_that_there_are()
    {
        var root = new RootCommand { LocalCommand.Create(), ServeCommand.Create(), AskCommand.CreateStatus(), AskCommand.CreateStop(), EvaluateCommand.Create(), PredictCommand.Create(), FindRateCommand.Create(), SimulateCommand.Create(), CheckCommand.Create(), SchemaCommand.Create(), GenerateCommand.Create(), ExportCommand.Create(), JoinCommand.Create() };
        int seen = 0;
        foreach (string page in Directory.GetFiles(Path.Combine(Root, "docs"), "*.md").Append(Path.Combine(Root, "README.md")).Append(Path.Combine(Root, "CONTRIBUTING.md")))
        {
            string text = File.ReadAllText(page).Replace("\\\n", " ", StringComparison.Ordinal);
            // As a page that is read alone would be: with all of the words that start the program.
            Assert.DoesNotMatch(@"(?m)^    (Coordinator|Worker) ", text);
            foreach (Match line in CommandLine().Matches(text))
            {
                var parsed = root.Parse(line.Groups[1].Value);
                Assert.True(parsed.Errors.Count == 0 && parsed.UnmatchedTokens.Count == 0, $"{Path.GetFileName(page)}: {line.Value.Trim()}: {string.Join("; ", parsed.Errors)}");
                seen++;
            }
        }
        Assert.InRange(seen, 15, int.MaxValue);
    }

    [Fact]
    public void Data_of_ones_own_trains()
    {
        using var trainer = new Trainer(new TrainingJob { Model = () => new Sequential(new Linear(10, 2)), Data = new DataSplit("parity", new DocSnippets.Parity(), null), Epochs = 1 });
        Assert.Single(Epochs(trainer));
    }

    [Fact]
    public void The_evaluation_of_a_job_prints_a_line_for_each_epoch()
    {
        var random = new Random(1);
        float[] inputs = [.. Enumerable.Range(0, 20 * 60).Select(_ => (float)random.NextDouble())], targets = [.. Enumerable.Range(0, 60).Select(i => i % 2f)];
        var data = new ArrayDataset("numbers", inputs, SampleSpec.Float32(20), targets, SampleSpec.Float32(1));
        var console = new StringWriter();
        DocSnippets.Evaluation(new DataSplit("numbers", data, data), console);
        Assert.All(console.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries), line => Assert.Matches(@"^0\.\d{4} \d+\.\d\s?%$", line));
    }

    [Fact]
    public void Both_ways_of_a_module_to_ONNX_give_the_same()
    {
        using var folder = new TempFolder();
        foreach (Module module in (Module[])[new DocSnippets.Residual(), new DocSnippets.SaysItself()])
        {
            string path = Path.Combine(folder.Folder, "model.onnx");
            OnnxExport.Save(path, module, DType.Float32, [OnnxValue.Dynamic, 4]);
            Nn.OnnxRun.Same(path, module.GetType().Name, module, [OnnxValue.Dynamic, 4]);
        }
    }

    [Fact]
    public void Nodes_are_services_and_a_language_model_goes_on_with_a_text()
    {
        var services = new ServiceCollection();
        DocSnippets.Host(services);
        Assert.Equal(2, services.Count(service => service.ServiceType == typeof(Microsoft.Extensions.Hosting.IHostedService)));
        var tokenizer = CharacterVocabulary.Of("ROMEO: and Juliet\n");
        var console = new StringWriter();
        DocSnippets.Generate(new CharGpt(tokenizer.Count, context: 16, layers: 1, heads: 2, width: 8), tokenizer, console);
        Assert.Equal(200, console.ToString().Length);
    }

    private static List<EpochSummary> Epochs(Trainer trainer)
    {
        var epochs = new List<EpochSummary>();
        trainer.Run(epochs.Add);
        return epochs;
    }

    private static IEnumerable<string> Snippets(string page) => Snippet().Matches(File.ReadAllText(page)).Select(match => match.Groups[1].Value);

    /// <summary>Without doc comments and white space, and with the console that a test may give.</summary>
    private static string Plain(string code) => Space().Replace(DocComment().Replace(code, ""), "").Replace("Console.", "console.", StringComparison.Ordinal);

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Snippet();

    /// <summary>What follows the program's start, without the shell's redirections and comments.</summary>
    [GeneratedRegex(@"^    dotnet run -c Release --project (?:Coordinator|Worker) -- (.*?)(?: +[>|#] ?.*)?$", RegexOptions.Multiline)]
    private static partial Regex CommandLine();

    [GeneratedRegex(@"^\s*///.*$", RegexOptions.Multiline)]
    private static partial Regex DocComment();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
