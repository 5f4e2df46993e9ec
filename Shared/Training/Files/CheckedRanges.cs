using System.Text.Json;
using System.Text.Json.Nodes;
using DistTrain.Optim;

namespace DistTrain.Training.Files;

/// <summary>The ranges of optimizers' and schedules' arguments, found by asking the checks that refuse them: what they refuse is what the schema does not allow.</summary>
internal static class CheckedRanges
{
    /// <summary>Very near, on the scale of such arguments.</summary>
    private const double Bit = 1e-6;

    /// <summary>Adds the range of a number to its rule.</summary>
    /// <param name="rule">The rule, of a number.</param>
    /// <param name="family">What the thing is: an optimizer or a schedule.</param>
    /// <param name="thing">The thing with arguments that are right.</param>
    /// <param name="argument">The argument.</param>
    public static void Add(JsonObject rule, Type family, JsonObject thing, string argument)
    {
        bool whole = $"{rule["type"]}" == "integer";
        bool zero = Allows(0), one = Allows(1), between = Allows(0.5);
        if (!(zero || one || between)) return;
        double below = whole ? -1 : -Bit;
        if (zero && !Allows(below)) rule["minimum"] = 0.0;
        else if (whole && !zero && one) rule["minimum"] = 1.0;
        else if (!zero && Allows(Bit)) rule["exclusiveMinimum"] = 0.0;
        if (whole) return;
        if (!one && Allows(1 - Bit)) rule["exclusiveMaximum"] = 1.0;
        else if (one && !Allows(1 + Bit)) rule["maximum"] = 1.0;

        bool Allows(double value)
        {
            var tried = thing.DeepClone().AsObject();
            tried[argument] = whole ? (long)value : value;
            return IsRight(family, tried);
        }
    }

    /// <summary>A thing whose needed arguments are 1, or as many as a list needs; null where that is not right.</summary>
    public static JsonObject? Sample(Type family, JsonObject branch)
    {
        if (family != typeof(OptimizerOptions) && family != typeof(Schedule)) return null;
        var thing = new JsonObject { [JobFileJson.Type] = $"{branch["title"]}" };
        foreach (string needed in branch["required"]!.AsArray().Skip(1).Select(name => $"{name}")) thing[needed] = $"{branch["properties"]![needed]!["type"]}" is "integer" or "number" ? 1 : new JsonArray(1);
        return IsRight(family, thing) ? thing : null;
    }

    private static bool IsRight(Type family, JsonObject thing)
    {
        try
        {
            switch (thing.Deserialize(family, JobFileJson.Options))
            {
                case OptimizerOptions optimizer: optimizer.CreateRule(); return true;
                case Schedule schedule: schedule.Check(); return true;
                default: return false;
            }
        }
        catch (Exception error) when (error is ArgumentException or JsonException or NotSupportedException or InvalidOperationException)
        {
            return false;
        }
    }
}
