using System.CommandLine;
using System.Text;
using DistTrain.Coordinator.Output;
using DistTrain.Coordinator.Runs;
using DistTrain.Data;
using DistTrain.Nn.Files;
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
        var table = Predictions.Of(saved);
        var data = SavedData.Open(saved, options.Trained, options.Part, withTargets: false);
        var progress = EvaluateSettings.Progress(data.Count);
        using var signals = new StopSignals();
        try
        {
            return Write(options, table, data, progress, signals.Token);
        }
        catch (OperationCanceledException) when (signals.ExitWith is not null)
        {
            return signals.ExitWith.Value;
        }
    }

    private static int Write(EvaluateOptions options, Predictions table, IDataset data, Action<int>? progress, CancellationToken stop)
    {
        if (options.Out is not { } path)
        {
            Write(table, data, Console.OpenStandardOutput(), "stdout", progress, stop);
            return ExitCode.Done;
        }
        try
        {
            // Complete or not there: half a table looks like a whole one.
            AtomicFile.Write(path, stream => Write(table, data, stream, $"--out was '{path}'", progress, stop));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw NotWritten($"--out was '{path}'", error);
        }
        Console.Error.WriteLine($"{TextLines.Plural(data.Count, "prediction")}: {path}");
        return ExitCode.Done;
    }

    private static void Write(Predictions table, IDataset data, Stream stream, string place, Action<int>? progress, CancellationToken stop)
    {
        try
        {
            table.Write(data, Put, progress);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"data {data.Name} cannot be read: {error.Message}", error);
        }

        void Put(string rows)
        {
            stop.ThrowIfCancellationRequested();
            try
            {
                stream.Write(Encoding.UTF8.GetBytes(rows));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw NotWritten(place, error);
            }
        }
    }

    private static UserErrorException NotWritten(string place, Exception error) => new($"{place}, expected a file that can be written to: {error.Message}", error);
}
