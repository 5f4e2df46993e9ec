using System.CommandLine;
using System.Text;
using DistTrain.Coordinator.Output;
using DistTrain.Coordinator.Runs;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary><c>predict</c>: what a trained model says of data, as a table.</summary>
internal static class PredictCommand
{
    private const string Summary = "Writes what a trained model says of data as CSV: a class and the probability of each, yes or no, or numbers. Rows of a table need no target columns.";

    private static readonly IReadOnlyList<Setting<EvaluateOptions>> Settings =
    [
        .. EvaluateSettings.Rows.Where(row => row.Name != "loss"),
        new("out", "<file>", "Output", "Where to; rows are in the data's order. Default: stdout.", (options, given) => options with { Out = given.NotEmpty("a file") }),
    ];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("predict", "Writes what a trained model says of data.");
        var options = new SettingOptions<EvaluateOptions>(command, Settings, Summary);
        command.SetAction((parsed, _) => Task.FromResult(Run(options.Bind(parsed, new EvaluateOptions()))));
        return command;
    }

    private static int Run(EvaluateOptions options)
    {
        var saved = options.Open();
        var data = SavedData.Open(saved, options.Data, options.Part, withTargets: false);
        var table = Predictions.Of(saved);
        try
        {
            using var writer = options.Out is null ? new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) : new StreamWriter(options.Out, append: false, new UTF8Encoding(false));
            table.Write(data, writer, EvaluateSettings.Progress(data.Count));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--out was '{options.Out}', expected a file that can be written to: {error.Message}", error);
        }
        if (options.Out is not null) Console.Error.WriteLine($"{TextLines.Plural(data.Count, "prediction")}: {options.Out}");
        return ExitCode.Done;
    }
}
