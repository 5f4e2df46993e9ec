using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistTrain.Training.Files;

/// <summary>Writes a job as a job file that gives the same job when it is read.</summary>
public static class JobFileText
{
    /// <summary>The property of a job file that names a job in C#.</summary>
    public const string Code = "code";

    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Said where they have their defaults too: a job is read best that begins with them.</summary>
    private static readonly string[] Always = [nameof(JobOptions.Model), nameof(JobOptions.Data), nameof(JobOptions.Seed)];

    /// <summary>The job as a file.</summary>
    /// <param name="job">The job.</param>
    /// <param name="code">Where a job in C# comes from, as <c>--job</c> names it; null for a job of names and numbers.</param>
    public static string Of(JobOptions job, string? code)
    {
        var (fields, defaults, file) = (JobJson.Fields(job), JobJson.Fields(new JobOptions()), new JsonObject());
        if (code is not null) file[Code] = code;
        foreach (var (property, value) in fields)
        {
            if (value is null || IsSaidOtherwise(property, job, code) || (!Always.Contains(property) && JsonNode.DeepEquals(value, defaults[property]))) continue;
            file[JobJson.OptionOf(property).Replace('-', '_')] = Value(property, value);
        }
        return file.ToJsonString(Readable) + "\n";
    }

    /// <summary>Whether another property, or the code, says it.</summary>
    private static bool IsSaidOtherwise(string property, JobOptions job, string? code) => property switch
    {
        nameof(JobOptions.Code) => true,
        nameof(JobOptions.Model) => code is not null || job.Layers is not null,
        nameof(JobOptions.Data) => code is not null,
        nameof(JobOptions.Optimizer) => job.OptimizerOptions is not null,
        nameof(JobOptions.Schedule) => job.ScheduleOptions is not null,
        _ => false,
    };

    private static JsonNode Value(string property, JsonNode value) => property switch
    {
        nameof(JobOptions.Betas) => new JsonArray([.. value.AsObject().Select(item => item.Value!.DeepClone())]),
        nameof(JobOptions.OnNonFinite) => $"{value}".ToLowerInvariant(),
        nameof(JobOptions.OptimizerOptions) => WithBetas(value.DeepClone().AsObject()),
        _ => value.DeepClone(),
    };

    /// <summary>Adam's decays are two properties of the record and one list to the user.</summary>
    private static JsonObject WithBetas(JsonObject optimizer)
    {
        if (optimizer["beta1"] is not { } first || optimizer["beta2"] is not { } second) return optimizer;
        optimizer.Remove("beta1");
        optimizer.Remove("beta2");
        optimizer["betas"] = new JsonArray(first, second);
        return optimizer;
    }
}
