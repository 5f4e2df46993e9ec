using System.Collections.Concurrent;

namespace DistTrain.Autograd;

/// <summary>Names of operations, taken from the rules' class names once per class.</summary>
internal static class RuleName
{
    private static readonly ConcurrentDictionary<Type, string> Names = new();

    public static string Of(Type rule) => Names.GetOrAdd(rule, static type => type.Name.EndsWith("Rule", StringComparison.Ordinal) ? type.Name[..^4] : type.Name);
}
