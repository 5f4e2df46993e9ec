using System.Text.Json;
using DistTrain.Nn.Models;
using DistTrain.Optim;
using DistTrain.Training;
using DistTrain.Training.Files;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>Settings of a job that are a name on the command line and may be more in a job file: JSON is told by its bracket.</summary>
internal static class JobParts
{
    /// <summary>A name that can be a part of a folder's.</summary>
    public static string Name(GivenText given) =>
        given.Text.Length is > 0 and <= 100 && given.Text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') ? given.Text : throw given.Wrong("letters, digits, dashes, dots and underscores, 100 at most");

    /// <summary>A named model, or a list of layers.</summary>
    public static JobOptions Model(JobOptions job, GivenText given)
    {
        if (Json<IReadOnlyList<Layer>>(given, '[', "a list of layers") is { } layers) return job with { Model = JobDefaults.OwnLayers, Layers = layers };
        return job with { Model = given.OneOf(JobDefaults.Models), Layers = null };
    }

    /// <summary>A loss by name, or with arguments.</summary>
    public static JobOptions Loss(JobOptions job, GivenText given)
    {
        string json = given.Text;
        if (!json.StartsWith('{'))
        {
            if (Name() is not { } name) return job with { Loss = null };
            json = $$"""{ "type": "{{name}}" }""";
        }
        return job with { Loss = Json<LossOptions>(given with { Text = json }, '{', "a loss") };

        string? Name()
        {
            try
            {
                return NamedLosses.Resolve(given.Text);
            }
            catch (UserErrorException error)
            {
                throw new UserErrorException($"{given.Source}: {error.Message}", error);
            }
        }
    }

    /// <summary>An optimizer by name, or with arguments.</summary>
    public static JobOptions Optimizer(JobOptions job, GivenText given)
    {
        if (Json<OptimizerOptions>(given, '{', "an optimizer") is not { } options) return job with { Optimizer = given.OneOf(NamedOptimizers.Names), OptimizerOptions = null };
        try
        {
            options.CreateRule();
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException($"{given.Source}: {error.Message}", error);
        }
        return job with { Optimizer = options.Name.ToLowerInvariant(), OptimizerOptions = options };
    }

    /// <summary>A schedule in the command line's words, or with arguments.</summary>
    public static JobOptions Schedule(JobOptions job, GivenText given)
    {
        if (Json<Schedule>(given, '{', "a schedule") is not { } schedule) return job with { Schedule = given.NotEmpty(NamedSchedules.Usage), ScheduleOptions = null };
        try
        {
            schedule.Check();
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException($"{given.Source}: {error.Message}", error);
        }
        return job with { ScheduleOptions = schedule };
    }

    private static T? Json<T>(GivenText given, char bracket, string what) where T : class
    {
        if (!given.Text.StartsWith(bracket)) return null;
        try
        {
            return JobFileJson.Read<T>(given.Text);
        }
        catch (Exception error) when (error is JsonException or NotSupportedException or InvalidOperationException or ArgumentException)
        {
            throw new UserErrorException($"{given.Source} is not {what}: {error.InnerException?.Message ?? error.Message}", error);
        }
    }
}
