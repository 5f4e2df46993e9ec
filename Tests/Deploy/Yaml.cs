using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace DistTrain.Tests.Deploy;

/// <summary>YAML files as nodes, with what tests ask of them.</summary>
internal static class Yaml
{
    /// <summary>The documents of a text, merge keys (<c>&lt;&lt;</c>) resolved.</summary>
    public static IReadOnlyList<YamlMappingNode> Parse(string text)
    {
        var stream = new YamlStream();
        stream.Load(new MergingParser(new Parser(new StringReader(text))));
        return [.. stream.Documents.Select(document => (YamlMappingNode)document.RootNode)];
    }

    /// <summary>The node at a path of keys and indices; fails naming the path.</summary>
    public static YamlNode At(this YamlNode node, string path)
    {
        foreach (string part in path.Split('/'))
        {
            var next = node switch
            {
                YamlMappingNode map => map.Children.TryGetValue(new YamlScalarNode(part), out var value) ? value : null,
                YamlSequenceNode list when int.TryParse(part, out int index) && index < list.Children.Count => list.Children[index],
                _ => null,
            };
            node = next ?? throw new Xunit.Sdk.XunitException($"{path}: there is no {part}");
        }
        return node;
    }

    /// <summary>Whether there is a key.</summary>
    public static bool Has(this YamlNode node, string key) => node is YamlMappingNode map && map.Children.ContainsKey(new YamlScalarNode(key));

    /// <summary>The text at a path.</summary>
    public static string Text(this YamlNode node, string path) => node.At(path).ToString();

    /// <summary>The items at a path; none where it is not there.</summary>
    public static IReadOnlyList<YamlNode> Items(this YamlNode node, string key) => node.Has(key) ? [.. (YamlSequenceNode)node.At(key)] : [];

    /// <summary>A mapping of texts.</summary>
    public static Dictionary<string, string> Texts(this YamlNode node) => ((YamlMappingNode)node).Children.ToDictionary(pair => pair.Key.ToString(), pair => pair.Value.ToString());
}
