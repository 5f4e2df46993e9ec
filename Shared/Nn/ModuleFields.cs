using System.Collections.Concurrent;
using System.Reflection;
using System.Text;

namespace DistTrain.Nn;

/// <summary>The fields of module classes that hold parameters, buffers and modules, and the names they get in a state dict.</summary>
internal static class ModuleFields
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<(string Name, FieldInfo Field)>> Cache = new();

    public static IReadOnlyList<(string Name, FieldInfo Field)> Of(Type type) => Cache.GetOrAdd(type, Find);

    private static List<(string Name, FieldInfo Field)> Find(Type type)
    {
        var result = new List<(string, FieldInfo)>();
        if (type.BaseType is { } parent && parent != typeof(Module) && parent != typeof(object)) result.AddRange(Of(parent));
        const BindingFlags Own = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        result.AddRange(type.GetFields(Own).Where(f => IsPart(f.FieldType)).OrderBy(f => f.MetadataToken).Select(f => (SnakeCase(Plain(f.Name)), f)));
        return result;
    }

    private static bool IsPart(Type type) => type == typeof(Parameter) || type == typeof(ModuleBuffer) || typeof(Module).IsAssignableFrom(type);

    /// <summary>The source name of a field that the compiler made for a property or a constructor parameter: <c>&lt;Fc1&gt;k__BackingField</c>.</summary>
    private static string Plain(string name) => name.StartsWith('<') ? name[1..name.IndexOf('>')] : name;

    private static string SnakeCase(string name)
    {
        var text = new StringBuilder();
        for (int i = 0; i < name.Length; i++)
        {
            if (char.IsUpper(name[i]) && i > 0 && name[i - 1] != '_' && !char.IsUpper(name[i - 1])) text.Append('_');
            text.Append(char.ToLowerInvariant(name[i]));
        }
        return text.ToString().TrimStart('_');
    }
}
