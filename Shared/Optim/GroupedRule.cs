namespace DistTrain.Optim;

/// <summary>A part of a flat buffer and the rule that updates it.</summary>
/// <param name="Offset">Its first float in the layout.</param>
/// <param name="Length">Its number of floats.</param>
/// <param name="Rule">The rule; null for a frozen part, whose values are kept.</param>
/// <param name="LearningRateFactor">A factor on the job's learning rate, 0 or more.</param>
public sealed record RuleSegment(int Offset, int Length, UpdateRule? Rule, double LearningRateFactor = 1);

/// <summary>
/// Several rules over one flat buffer: parameter groups and frozen parameters. A slice is cut where segments end, by its place in the layout, so any cut of the buffer still gives the bits of the
/// whole. What no segment covers (padding) is kept as it is.
/// </summary>
public sealed class GroupedRule : UpdateRule
{
    private readonly RuleSegment[] segments;
    private readonly int[][] numbers;
    private readonly string[] names;

    /// <summary>Makes the rule.</summary>
    /// <param name="segments">The parts, in any order.</param>
    /// <exception cref="ArgumentException">Segments overlap, or a factor is out of range.</exception>
    public GroupedRule(params IEnumerable<RuleSegment> segments)
    {
        this.segments = Joined(segments.Where(s => s.Length > 0).OrderBy(s => s.Offset));
        names = [.. this.segments.SelectMany(s => s.Rule?.StateNames ?? []).Distinct()];
        numbers = [.. this.segments.Select(s => (s.Rule?.StateNames ?? []).Select(name => Array.IndexOf(names, name)).ToArray())];
        Name = string.Join("+", this.segments.Where(s => s.Rule != null).Select(s => s.Rule!.Name).Distinct());
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> StateNames => names;

    /// <inheritdoc/>
    public override void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination)
    {
        int at = 0;
        for (int i = FirstBehind(state.Position); at < parameters.Length && i < segments.Length; i++)
        {
            var segment = segments[i];
            int start = Math.Max(at, Math.Min(parameters.Length, segment.Offset - state.Position));
            int end = (int)Math.Min(parameters.Length, (long)segment.Offset + segment.Length - state.Position);
            if (start > at) parameters[at..start].CopyTo(destination[at..]);
            if (end > start && segment.Rule == null) parameters[start..end].CopyTo(destination[start..]);
            else if (end > start)
            {
                var slices = state.Cut(start, end - start, numbers[i]);
                segment.Rule!.Apply(step, learningRate * segment.LearningRateFactor, gradientScale, parameters[start..end], gradients[start..end], slices, destination[start..end]);
            }
            at = Math.Max(start, end);
        }
        parameters[at..].CopyTo(destination[at..]);
    }

    /// <summary>The first segment that ends behind a position.</summary>
    private int FirstBehind(int position)
    {
        int lo = 0, hi = segments.Length;
        while (lo < hi)
        {
            int middle = (lo + hi) / 2;
            if ((long)segments[middle].Offset + segments[middle].Length <= position) lo = middle + 1;
            else hi = middle;
        }
        return lo;
    }

    /// <summary>Makes one segment of neighbours that are updated alike: fewer, longer calls.</summary>
    private static RuleSegment[] Joined(IEnumerable<RuleSegment> sorted)
    {
        var result = new List<RuleSegment>();
        foreach (var segment in sorted)
        {
            OptionCheck.NotNegative(segment.Rule?.Name ?? "frozen parameters", "the learning rate factor", segment.LearningRateFactor);
            if (result.Count > 0 && result[^1] is var last && last.Offset + last.Length is var end && segment.Offset <= end)
            {
                OptionCheck.Require(segment.Offset == end, "parameter groups", $"the segment at {segment.Offset} overlaps the one at {last.Offset} of length {last.Length}");
                if (ReferenceEquals(last.Rule, segment.Rule) && last.LearningRateFactor == segment.LearningRateFactor)
                {
                    result[^1] = last with { Length = last.Length + segment.Length };
                    continue;
                }
            }
            result.Add(segment);
        }
        return [.. result];
    }
}
