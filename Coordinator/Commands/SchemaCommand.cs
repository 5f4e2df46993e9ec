using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary><c>schema</c>: prints what a job file may hold.</summary>
internal static class SchemaCommand
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("schema", "Prints the JSON schema of job files.");
        HelpPage.Replace(command, "Prints the JSON schema of job files, for editors: save it beside a job and begin the job with \"$schema\": \"./job.schema.json\".", [], null);
        command.SetAction(_ => Console.WriteLine(JobFileSchema.Create().ToJsonString(Readable)));
        return command;
    }
}
