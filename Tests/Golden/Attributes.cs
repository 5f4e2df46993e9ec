using System.Text.Json;

namespace DistTrain.Tests.Golden;

/// <summary>The named settings of a figure. Remembers which were read, so that one that nobody understands is a failure.</summary>
internal sealed class Attributes
{
    private readonly Dictionary<string, JsonElement> values = [];
    private readonly HashSet<string> unread = [];

    // Kept, so that an operation that is called again to measure its allocations is not charged for the reading.
    private readonly Dictionary<string, int[]> lists = [];
    private readonly Dictionary<string, string> texts = [];

    public Attributes(JsonElement settings)
    {
        if (settings.ValueKind != JsonValueKind.Object) return;
        foreach (var property in settings.EnumerateObject())
        {
            values[property.Name] = property.Value;
            unread.Add(property.Name);
        }
    }

    public bool Has(string name) => values.ContainsKey(name);

    public int Int(string name, int missing = 0) => Find(name) is { } value ? value.GetInt32() : missing;

    public double Double(string name, double missing = 0) => Find(name) is { } value ? value.GetDouble() : missing;

    public float Float(string name, double missing = 0) => (float)Double(name, missing);

    public bool Bool(string name, bool missing = false) => Find(name) is { } value ? value.GetBoolean() : missing;

    public string Text(string name, string missing = "")
    {
        if (texts.TryGetValue(name, out string? known)) return known;
        return texts[name] = Find(name) is { } value ? value.GetString()! : missing;
    }

    /// <summary>A list of objects.</summary>
    public JsonElement[] Objects(string name) => Find(name) is { } value ? [.. value.EnumerateArray()] : [];

    /// <summary>A list of integers; one integer is a list of one.</summary>
    public int[] Ints(string name)
    {
        if (lists.TryGetValue(name, out int[]? known)) return known;
        return lists[name] = Find(name) is { } value ? value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(v => v.GetInt32())] : [value.GetInt32()] : [];
    }

    public double[] Doubles(string name) => Find(name) is { } value ? value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(v => v.GetDouble())] : [value.GetDouble()] : [];

    /// <summary>Two sizes (height, width); one integer stands for both.</summary>
    public (int H, int W) Pair(string name, int missing)
    {
        var values = Ints(name);
        return values.Length switch { 0 => (missing, missing), 1 => (values[0], values[0]), _ => (values[0], values[1]) };
    }

    public void AllWereRead()
    {
        if (unread.Count > 0) throw new NotSupportedException($"the settings {string.Join(", ", unread)} of this figure are unknown to the test");
    }

    private JsonElement? Find(string name)
    {
        unread.Remove(name);
        return values.TryGetValue(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }
}
