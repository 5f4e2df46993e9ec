using System.Collections.Concurrent;

namespace DistTrain.Autograd;

/// <summary>Names of operations, taken from the class names of rules and functions once per class.</summary>
internal static class RuleName
{
    private static readonly ConcurrentDictionary<Type, string> Names = new();

    public static string Of(Type rule) => Names.GetOrAdd(rule, static type => Without(Without(Without(type.Name, "Rule"), "Function"), "Operator"));

    private static string Without(string name, string ending) => name.EndsWith(ending, StringComparison.Ordinal) ? name[..^ending.Length] : name;
}
