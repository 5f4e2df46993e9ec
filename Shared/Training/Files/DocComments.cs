using System.Collections.Concurrent;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace DistTrain.Training.Files;

/// <summary>The doc comments of types and of the properties of records, from the XML file that the compiler puts beside an assembly.</summary>
internal static partial class DocComments
{
    private static readonly ConcurrentDictionary<Assembly, Dictionary<string, XElement>> Files = new();

    /// <summary>A type's summary; null where there is none.</summary>
    public static string? Of(Type type) => Find(type.Assembly, "T:" + Id(type))?.Element("summary") is { } summary ? Text(summary) : null;

    /// <summary>A property's summary or, in a record, its parameter's line; null where there is neither.</summary>
    public static string? Of(Type type, string property)
    {
        for (var owner = type; owner is not null && owner != typeof(object); owner = owner.BaseType)
        {
            var line = Find(owner.Assembly, "T:" + Id(owner))?.Elements("param").FirstOrDefault(p => string.Equals((string?)p.Attribute("name"), property, StringComparison.OrdinalIgnoreCase))
                ?? Find(owner.Assembly, $"P:{Id(owner)}.{property}")?.Element("summary");
            if (line is not null) return Text(line);
        }
        return null;
    }

    private static XElement? Find(Assembly assembly, string id) => Files.GetOrAdd(assembly, Read).GetValueOrDefault(id);

    private static string Id(Type type) => (type.FullName ?? type.Name).Replace('+', '.');

    private static Dictionary<string, XElement> Read(Assembly assembly)
    {
        string file = Path.ChangeExtension(assembly.Location, ".xml");
        if (assembly.Location.Length == 0 || !File.Exists(file)) return [];
        try
        {
            return XDocument.Load(file).Descendants("member").Where(m => m.Attribute("name") is not null).GroupBy(m => (string)m.Attribute("name")!).ToDictionary(g => g.Key, g => g.First());
        }
        catch (Exception error) when (error is XmlException or IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The words; of a reference its last name.</summary>
    private static string Text(XElement element)
    {
        var copy = new XElement(element);
        foreach (var reference in copy.Descendants().Where(e => e.IsEmpty).ToList())
        {
            string target = (string?)reference.Attribute("cref") ?? (string?)reference.Attribute("name") ?? (string?)reference.Attribute("langword") ?? "";
            reference.ReplaceWith(new XText(target.Split('(')[0].Split('.', ':')[^1]));
        }
        return Space().Replace(copy.Value, " ").Trim();
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
