namespace DistTrain;

/// <summary>Finds what was probably meant.</summary>
public static class Suggestion
{
    /// <summary>The candidate that is closest to <paramref name="given"/>; null where none is close.</summary>
    public static string? For(string given, IEnumerable<string> candidates)
    {
        string? best = null;
        int least = Math.Max(1, given.TrimStart('-').Length / 3) + 1;
        foreach (var candidate in candidates)
        {
            int distance = Distance(given, candidate);
            if (distance < least) (best, least) = (candidate, distance);
        }
        return best;
    }

    /// <summary><c>; did you mean X?</c> or nothing, to end a message with.</summary>
    public static string Hint(string given, IEnumerable<string> candidates) => For(given, candidates) is { } meant ? $"; did you mean {meant}?" : "";

    /// <summary>Insertions, deletions, replacements and swaps of neighbours (Damerau, optimal string alignment).</summary>
    private static int Distance(string a, string b)
    {
        var cost = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++) cost[i, 0] = i;
        for (int j = 0; j <= b.Length; j++) cost[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = cost[i - 1, j - 1] + (char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1);
                cost[i, j] = Math.Min(replace, Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
            }
        }
        return cost[a.Length, b.Length];
    }
}
