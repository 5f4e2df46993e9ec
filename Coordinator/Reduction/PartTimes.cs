using System.Diagnostics;

namespace DistTrain.Coordinator.Reduction;

/// <summary>
/// When the parts of a bucket's phase were really being done, for the timeline. Threads take parts when they are free: between being posted and being done a bucket may lie for as long as all of them compute.
/// </summary>
internal sealed class PartTimes(int parts)
{
    /// <summary>A pause between parts up to which they count as done in one go, in the timeline's unit: a thread looks at its own queue in between.</summary>
    private static readonly long Gap = Stopwatch.Frequency / 50_000;

    private readonly long[] began = new long[parts], ended = new long[parts], reduced = new long[parts];
    private readonly int[] order = new int[parts];

    /// <summary>A time in which a bucket was worked at, by one thread or more.</summary>
    /// <param name="Began">When it began.</param>
    /// <param name="ReduceEnded">Where averaging would have ended and stepping begun, had one followed the other.</param>
    /// <param name="Ended">When it ended.</param>
    public readonly record struct Spell(long Began, long ReduceEnded, long Ended);

    /// <summary>A part is done.</summary>
    /// <param name="part">The part.</param>
    /// <param name="begin">When it began.</param>
    /// <param name="end">When it ended.</param>
    /// <param name="averaging">How much of it was averaging.</param>
    public void Done(int part, long begin, long end, long averaging) => (began[part], ended[part], reduced[part]) = (begin, end, averaging);

    /// <summary>The spells of the phase that is done.</summary>
    public IReadOnlyList<Spell> Spells()
    {
        for (int part = 0; part < order.Length; part++) order[part] = part;
        Array.Sort(order, (a, b) => began[a].CompareTo(began[b]));
        var spells = new List<Spell>();
        for (int i = 0; i < order.Length;)
        {
            long begin = began[order[i]], end = ended[order[i]], worked = 0, averaged = 0;
            for (; i < order.Length && began[order[i]] <= end + Gap; i++)
            {
                int part = order[i];
                end = Math.Max(end, ended[part]);
                worked += ended[part] - began[part];
                averaged += reduced[part];
            }
            spells.Add(new Spell(begin, begin + (long)((end - begin) * (worked == 0 ? 0 : (double)averaged / worked)), end));
        }
        return spells;
    }
}
