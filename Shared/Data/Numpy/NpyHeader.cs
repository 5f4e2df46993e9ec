using System.Globalization;
using System.Text.RegularExpressions;

namespace DistTrain.Data;

/// <summary>Takes the Python dictionary apart that heads a <c>.npy</c> file: <c>{'descr': '&lt;f4', 'fortran_order': False, 'shape': (3, 4), }</c>.</summary>
internal static partial class NpyHeader
{
    /// <summary>A value that is a text.</summary>
    public static string? Text(string header, string key)
    {
        var match = Regex.Match(header, $"""['"]{key}['"]\s*:\s*['"]([^'"]*)['"]""");
        return match.Success ? match.Groups[1].Value : null;
    }

    /// <summary>Whether elements are in Fortran's order.</summary>
    public static bool IsFortran(string header) => FortranPattern().IsMatch(header);

    /// <summary>The shape; null when there is none of sizes that an int holds.</summary>
    public static int[]? Shape(string header)
    {
        var match = ShapePattern().Match(header);
        if (!match.Success)
            return null;
        var parts = match.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var shape = new int[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out shape[i]))
                return null;
        }
        return shape;
    }

    [GeneratedRegex("""['"]fortran_order['"]\s*:\s*True""")]
    private static partial Regex FortranPattern();

    [GeneratedRegex("""['"]shape['"]\s*:\s*\(([^)]*)\)""")]
    private static partial Regex ShapePattern();
}
