using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistTrain.Training.Files;

/// <summary>A value of a JSON file, and where it stands: what an error message needs to name.</summary>
public sealed class SourceNode
{
    private SourceNode(JsonTokenType kind, string path, int line, int column) => (Kind, Path, Line, Column) = (kind, path, line, column);

    /// <summary>What it is: <c>StartObject</c>, <c>StartArray</c>, <c>String</c>, <c>Number</c>, <c>True</c>, <c>False</c> or <c>Null</c>.</summary>
    public JsonTokenType Kind { get; }

    /// <summary>Where it stands in the document, such as <c>model[2].in_features</c>; empty for the document.</summary>
    public string Path { get; }

    /// <summary>Its line, from 1; a property's is that of its name.</summary>
    public int Line { get; }

    /// <summary>Its column, from 1.</summary>
    public int Column { get; }

    /// <summary>A text's or number's characters.</summary>
    public string Text { get; private set; } = "";

    /// <summary>An object's properties, in the file's order; a name may come twice.</summary>
    public List<(string Name, SourceNode Value)> Members { get; } = [];

    /// <summary>An array's elements.</summary>
    public List<SourceNode> Items { get; } = [];

    /// <summary>Reads a document; comments and commas behind the last element are allowed.</summary>
    /// <exception cref="JsonException">It is no JSON; line and column are the exception's.</exception>
    public static SourceNode Parse(byte[] json)
    {
        if (json.AsSpan().StartsWith("\uFEFF"u8)) json = json[3..];
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
        var lines = new LineTable(json);
        reader.Read();
        var root = Value(ref reader, "", reader.TokenStartIndex, lines);
        reader.Read();
        return root;
    }

    /// <summary>The value of a property; null where there is none.</summary>
    public SourceNode? this[string name] => Members.FirstOrDefault(member => member.Name == name).Value;

    /// <summary>The value at a path, or the nearest one around it.</summary>
    public SourceNode Nearest(string path)
    {
        var found = this;
        while (found.Members.Select(member => member.Value).Concat(found.Items).FirstOrDefault(inside => Covers(inside.Path, path)) is { } inner) found = inner;
        return found;
    }

    /// <summary>The value as System.Text.Json has it.</summary>
    public JsonNode? ToJson() => Kind switch
    {
        JsonTokenType.StartObject => new JsonObject(Members.Select(member => KeyValuePair.Create(member.Name, member.Value.ToJson()))),
        JsonTokenType.StartArray => new JsonArray([.. Items.Select(item => item.ToJson())]),
        JsonTokenType.String => JsonValue.Create(Text),
        JsonTokenType.Number => JsonNode.Parse(Text),
        JsonTokenType.Null => null,
        _ => JsonValue.Create(Kind == JsonTokenType.True),
    };

    /// <summary>As a message says it: a short value itself, else what it is.</summary>
    public override string ToString() => Kind switch
    {
        JsonTokenType.String => Text.Length <= 60 ? $"'{Text}'" : $"'{Text[..57]}...'",
        JsonTokenType.Number => Text,
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        _ => Kind.ToString().ToLowerInvariant(),
    };

    private static bool Covers(string outer, string path) => path == outer || (path.StartsWith(outer, StringComparison.Ordinal) && path[outer.Length] is '.' or '[');

    private static SourceNode Value(ref Utf8JsonReader reader, string path, long start, LineTable lines)
    {
        var (line, column) = lines.At(start);
        var node = new SourceNode(reader.TokenType, path, line, column);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    string name = TextOf(ref reader, lines);
                    long named = reader.TokenStartIndex;
                    reader.Read();
                    node.Members.Add((name, Value(ref reader, path.Length == 0 ? name : $"{path}.{name}", named, lines)));
                }
                break;
            case JsonTokenType.StartArray:
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    node.Items.Add(Value(ref reader, string.Create(CultureInfo.InvariantCulture, $"{path}[{node.Items.Count}]"), reader.TokenStartIndex, lines));
                break;
            case JsonTokenType.String:
                node.Text = TextOf(ref reader, lines);
                break;
            case JsonTokenType.Number:
                node.Text = Encoding.UTF8.GetString(reader.ValueSpan);
                break;
        }
        return node;
    }

    private static string TextOf(ref Utf8JsonReader reader, LineTable lines)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            // The reader does not look into texts; a place in bytes is what its own errors have.
            var (line, column) = lines.BytesAt(reader.TokenStartIndex);
            throw new JsonException("the text is no Unicode", null, line, column, error);
        }
    }

    /// <summary>Where the lines of a file begin.</summary>
    private sealed class LineTable
    {
        private readonly byte[] text;
        private readonly List<int> starts = [0];

        public LineTable(byte[] text)
        {
            this.text = text;
            for (int i = 0; i < text.Length; i++) if (text[i] == '\n') starts.Add(i + 1);
        }

        public (int Line, int Column) At(long index)
        {
            var (line, bytes) = BytesAt(index);
            return (line + 1, Encoding.UTF8.GetCharCount(text, starts[line], bytes) + 1);
        }

        /// <summary>The line and the byte within it, both from 0.</summary>
        public (int Line, int Bytes) BytesAt(long index)
        {
            int found = starts.BinarySearch((int)index);
            int line = found >= 0 ? found : ~found - 1;
            return (line, (int)index - starts[line]);
        }
    }
}
