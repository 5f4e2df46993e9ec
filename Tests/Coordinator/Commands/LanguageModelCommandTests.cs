using DistTrain.Nn.Files;
using DistTrain.Nn.Models;
using DistTrain.Tests.Data;
using Microsoft.ML.OnnxRuntime;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary><c>generate</c> and <c>export</c> as a user runs them.</summary>
public sealed class LanguageModelCommandTests(LanguageModelCommandTests.Run run) : IClassFixture<LanguageModelCommandTests.Run>
{
    private readonly TempFolder folder = run.Folder;

    /// <summary>A run whose results all tests use.</summary>
    public sealed class Run : IAsyncLifetime
    {
        public TempFolder Folder { get; } = new();

        public async Task InitializeAsync()
        {
            Folder.Write("text.txt", string.Concat(Enumerable.Repeat("the quick brown fox jumps over the lazy dog.\n", 40)));
            var run = await CommandProcess.RunInAsync(Folder.Folder, "local --model char-gpt --data text:text.txt?window=16 --max-steps 2 --batch-size 4 --workers 1 --run-dir out");
            Assert.True(run.ExitCode == 0, run.Errors);
            // What follows needs the data no more.
            File.Delete(Path.Combine(Folder.Folder, "text.txt"));
        }

        public Task DisposeAsync()
        {
            Folder.Dispose();
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_text_at_any_numerics_level()
    {
        const string Command = "generate --checkpoint out --prompt fox --tokens 40 --temperature .8 --top-k 40 --seed 1";
        var text = await CommandProcess.RunInAsync(folder.Folder, Command);
        var json = await CommandProcess.RunInAsync(folder.Folder, $"{Command} --output json --numerics portable");
        var other = await CommandProcess.RunInAsync(folder.Folder, $"{Command} --seed 2".Replace(" --seed 1", "", StringComparison.Ordinal));

        Assert.True(text.ExitCode == 0, text.Errors);
        Assert.Empty(text.Errors);
        var line = json.Last("finished");
        Assert.Equal(text.Output, $"fox{line.GetProperty("text").GetString()}\n");
        Assert.Equal((40, 40), (line.GetProperty("tokens").GetInt32(), line.GetProperty("text").GetString()!.Length));
        Assert.NotEqual(text.Output, other.Output);
    }

    [Fact]
    public async Task Export_writes_files_for_others_that_come_back_as_the_same_model()
    {
        var tensors = await CommandProcess.RunInAsync(folder.Folder, "export --checkpoint out --out model.safetensors --output json");
        var onnx = await CommandProcess.RunInAsync(folder.Folder, "export --checkpoint out/weights.safetensors --format onnx --out model.onnx");

        Assert.True(tensors.ExitCode == 0 && onnx.ExitCode == 0, tensors.Errors + onnx.Errors);
        Assert.Equal("safetensors", tensors.Last("finished").GetProperty("format").GetString());
        Assert.Contains("model.onnx: char-gpt, ", onnx.Output, StringComparison.Ordinal);
        using (var file = SafeTensorsFile.Open(Path.Combine(folder.Folder, "model.safetensors")))
        {
            Assert.Equal("pt", file.Metadata["format"]);
            Assert.Equal(new CharGpt().StateDict().Keys.Order(), file.Entries.Keys.Order());
        }
        using (var session = new InferenceSession(Path.Combine(folder.Folder, "model.onnx")))
        {
            Assert.Equal([-1, -1], session.InputMetadata["input"].Dimensions);
            Assert.Equal("2", session.ModelMetadata.CustomMetadataMap["step"]);
        }
        var direct = await CommandProcess.RunInAsync(folder.Folder, "generate --checkpoint out --tokens 20 --temperature 0");
        var exported = await CommandProcess.RunInAsync(folder.Folder, "generate --checkpoint model.safetensors --tokens 20 --temperature 0");
        Assert.Equal(direct.Output, exported.Output);
    }

    [Theory]
    [InlineData("generate --tokens 5", "--checkpoint is missing", "a run's folder")]
    [InlineData("generate --checkpoint out --prompt fox!", "--prompt: The character '!' (U+0021)", "not in the vocabulary of")]
    [InlineData("generate --checkpoint out --tokens 0", "--tokens was '0'", "from 1 to")]
    [InlineData("generate --checkpoint out --temperature -1", "--temperature was '-1'", "0 or more")]
    [InlineData("generate --checkpoint out --keep 16", "keep was 16", "expected 1 to 15")]
    [InlineData("generate --checkpoint out --model char-gpt", "--model needs --data", "other origin")]
    [InlineData("export --checkpoint out", "--out is missing", "file")]
    [InlineData("export --checkpoint out --out none/model.onnx", "none/model.onnx", "no folder")]
    public async Task Wrong_input_is_one_line_and_exit_code_2(string arguments, string given, string allowed)
    {
        var result = await CommandProcess.RunInAsync(folder.Folder, arguments);

        Assert.Equal(2, result.ExitCode);
        Assert.Empty(result.Output);
        string line = Assert.Single(result.ErrorLines);
        Assert.Contains(given, line, StringComparison.Ordinal);
        Assert.Contains(allowed, line, StringComparison.Ordinal);
    }
}
