using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using DistTrain.Coordinator.Output;
using DistTrain.Data;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary><c>generate</c>: a trained language model goes on with a text.</summary>
internal static class GenerateCommand
{
    private const string Group = "Text";
    private const string Summary = "Has a trained language model go on with a text. The same model, prompt, options and seed give the same text.";

    private static readonly IReadOnlyList<Setting<Asked>> Settings =
    [
        .. ModelSettings.For<Asked>(asked => asked.Model, (asked, model) => asked with { Model = model }),
        new("prompt", "<text>", Group, "What it goes on with. Default: a line break.", (asked, given) => asked with { Prompt = given.Text.Length > 0 ? given.Text : throw given.Wrong("text") }),
        new("tokens", "<n>", Group, "Tokens to generate; a token is a character or a byte pair, as the model was trained. Default: 200.", (asked, given) => asked with { Options = asked.Options with { Tokens = given.Int(1, int.MaxValue) } }),
        new("temperature", "<x>", Group, "Below 1 likely tokens become likelier, above 1 unlikely ones; 0 always takes the likeliest. Default: 1.", (asked, given) => asked with { Options = asked.Options with { Temperature = given.Number(0) } }),
        new("top-k", "<n>", Group, "Draws from the n likeliest tokens only. Default: from all.", (asked, given) => asked with { Options = asked.Options with { TopK = given.Int(1, int.MaxValue) } }),
        new("seed", "<n>", Group, "Key of the draws. Default: 0.", (asked, given) => asked with { Options = asked.Options with { Seed = given.Unsigned() } }) { IsInAppSettings = false },
        new("keep", "<n>", Group, "Tokens that stay in view when the model's context is full. The context less 1 lets the view slide on token by token, at the cost of reading all of it for each. Default: half of the context.", (asked, given) => asked with { Options = asked.Options with { Keep = given.Int(1, int.MaxValue) } }) { IsInAppSettings = false },
        new("numerics", "<level>", "Output", $"Instruction set to compute with: {string.Join(", ", JobOptions.NumericsLevels)}. Default: auto, the best there is.", (asked, given) => asked with { Numerics = given.OneOf(JobOptions.NumericsLevels) }) { IsInAppSettings = false },
        new("output", "<format>", "Output", "text: prompt and text, as it comes; json: one line with all of it. Default: text.", (asked, given) => asked with { Json = given.OneOf(["text", "json"]) == "json" }),
    ];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("generate", "Has a trained language model go on with a text.");
        var options = new SettingOptions<Asked>(command, Settings, Summary);
        command.SetAction((parsed, _) => Task.FromResult(Run(options.Bind(parsed, new Asked()))));
        return command;
    }

    private static int Run(Asked asked)
    {
        JobRun.UseNumerics(new JobOptions { Numerics = asked.Numerics });
        var saved = asked.Model.OpenAlone();
        var tokenizer = saved.Data.CreateTokenizer() ?? throw new UserErrorException($"{saved.File}: model {saved.Job.Model} was trained on {saved.Data.Name}, which is no text; generate takes language models, such as char-gpt");
        var generator = new TextGenerator(saved.Model);
        var tokens = generator.Generate(Encode(tokenizer, asked.Prompt), asked.Options);
        using var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = true };
        var clock = Stopwatch.StartNew();
        var stream = new TokenStream(tokenizer);
        var text = new StringBuilder();
        using var signals = new StopSignals();
        int count = 0;
        if (!asked.Json) output.Write(Shown(asked.Prompt));
        foreach (int token in tokens)
        {
            Take(stream.Add(token));
            count++;
            if (signals.Token.IsCancellationRequested) break;
        }
        Take(stream.End());
        double seconds = clock.Elapsed.TotalSeconds;
        if (asked.Json) output.WriteLine(Line(asked, signals.ExitWith is null ? "finished" : "interrupted", text.ToString(), count, seconds));
        else output.WriteLine();
        if (!asked.Json && !Console.IsErrorRedirected && !Console.IsOutputRedirected)
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{TextLines.Plural(count, "token")} in {seconds:F1} s"));
        return signals.ExitWith ?? ExitCode.Done;

        void Take(string part)
        {
            if (asked.Json) text.Append(part);
            else output.Write(Shown(part));
        }
    }

    /// <summary>As a terminal can be shown it: what a text holds besides characters, lines and tabs would steer it.</summary>
    private static string Shown(string text) => Console.IsOutputRedirected ? text : string.Concat(text.Select(c => char.IsControl(c) && c is not ('\n' or '\t') ? '\uFFFD' : c));

    private static int[] Encode(ITokenizer tokenizer, string prompt)
    {
        try
        {
            return tokenizer.Encode(prompt);
        }
        catch (UserErrorException error)
        {
            throw new UserErrorException($"--prompt: {error.Message}", error);
        }
    }

    private static string Line(Asked asked, string how, string text, int count, double seconds)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("event", how);
            json.WriteString("prompt", asked.Prompt);
            json.WriteString("text", text);
            json.WriteNumber("tokens", count);
            json.WriteNumber("seed", asked.Options.Seed);
            json.WriteNumber("tokens_per_s", Math.Round(count / Math.Max(seconds, 1e-9), 1));
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private sealed record Asked
    {
        public ModelOptionsGiven Model { get; init; } = new();

        public string Prompt { get; init; } = "\n";

        public GenerationOptions Options { get; init; } = new();

        public string Numerics { get; init; } = "auto";

        public bool Json { get; init; }
    }
}
