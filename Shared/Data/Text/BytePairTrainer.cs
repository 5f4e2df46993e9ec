using System.Runtime.InteropServices;

namespace DistTrain.Data;

/// <summary>
/// Learns the merges of a byte-pair vocabulary from words and how often each occurs (Sennrich, Haddow, Birch: "Neural machine translation of rare words with subword
/// units", 2016): again and again the most frequent pair of neighbours becomes a token. Ties go to the pair of lower ids, so the result is a pure function of the words.
/// </summary>
internal sealed class BytePairTrainer
{
    private readonly List<int[]> words = [];
    private readonly List<long> counts = [];
    private readonly Dictionary<(int, int), long> pairCounts = [];
    private readonly Dictionary<(int, int), HashSet<int>> pairWords = [];

    /// <summary>Adds a word.</summary>
    /// <param name="symbols">Its symbols' ids.</param>
    /// <param name="count">How often it occurs.</param>
    public void Add(int[] symbols, long count)
    {
        words.Add(symbols);
        counts.Add(count);
        Count(words.Count - 1, 1);
    }

    /// <summary>Learns merges.</summary>
    /// <param name="firstId">The id of the first new token.</param>
    /// <param name="most">How many merges at most; fewer when no pair occurs twice any more.</param>
    /// <returns>The pairs merged, in order; the n-th makes token <paramref name="firstId"/> + n.</returns>
    public List<(int Left, int Right)> Learn(int firstId, int most)
    {
        var merges = new List<(int, int)>();
        while (merges.Count < most && Best() is { } pair)
        {
            Merge(pair, firstId + merges.Count);
            merges.Add(pair);
        }
        return merges;
    }

    private (int, int)? Best()
    {
        (int, int) best = default;
        long most = 1;
        foreach (var (pair, count) in pairCounts)
        {
            if (count > most || (count == most && most > 1 && pair.CompareTo(best) < 0))
                (best, most) = (pair, count);
        }
        return most > 1 ? best : null;
    }

    private void Merge((int Left, int Right) pair, int id)
    {
        foreach (var index in pairWords[pair].ToArray())
        {
            Count(index, -1);
            var word = words[index];
            var merged = new List<int>(word.Length);
            for (var i = 0; i < word.Length; i++)
            {
                var here = i + 1 < word.Length && word[i] == pair.Left && word[i + 1] == pair.Right;
                merged.Add(here ? id : word[i]);
                i += here ? 1 : 0;
            }
            words[index] = [.. merged];
            Count(index, 1);
        }
    }

    /// <summary>Adds a word's pairs to the counts, or takes them out.</summary>
    private void Count(int index, int sign)
    {
        var word = words[index];
        for (var i = 0; i + 1 < word.Length; i++)
        {
            var pair = (word[i], word[i + 1]);
            ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(pairCounts, pair, out _);
            count += sign * counts[index];
            if (count == 0)
                pairCounts.Remove(pair);
            ref var where = ref CollectionsMarshal.GetValueRefOrAddDefault(pairWords, pair, out _);
            where ??= [];
            if (sign > 0)
                where.Add(index);
            else
                where.Remove(index);
        }
    }
}
