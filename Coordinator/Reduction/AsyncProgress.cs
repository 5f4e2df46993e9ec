using System.Collections.Immutable;
using System.Globalization;
using DistTrain.Protocol;
using DistTrain.Training;

namespace DistTrain.Coordinator.Reduction;

/// <summary>
/// How far a run under <c>async</c> is beyond its whole steps. Its pieces are never all at the same step, so what is saved after a step has some pieces of later ones in it: those are named here, and are not computed again.
/// </summary>
/// <param name="Version">The version of the weights: pieces that are in them.</param>
/// <param name="Ahead">Pieces of steps that are not whole, with what they found.</param>
internal sealed record AsyncProgress(long Version, ImmutableArray<(long Step, Gradients.Leaf Leaf)> Ahead)
{
    /// <summary>The name of a checkpoint's note that holds it.</summary>
    public const string Note = "async";

    /// <summary>As a note.</summary>
    public string ToText() => string.Join(' ', [Version.ToString(CultureInfo.InvariantCulture), .. Ahead.Select(piece => string.Create(
        CultureInfo.InvariantCulture, $"{piece.Step}:{piece.Leaf.Piece}:{piece.Leaf.Samples}:{piece.Leaf.Denominator:R}:{piece.Leaf.LossSum:R}:{piece.Leaf.Correct}:{piece.Leaf.Counted}:{piece.Leaf.Staleness}"))]);

    /// <summary>That of a job which goes on; null where it starts, or is of another consistency.</summary>
    /// <param name="job">The job.</param>
    /// <param name="start">The step that it goes on from.</param>
    /// <exception cref="UserErrorException">The note makes no sense, or the job ends before a piece that is in the weights.</exception>
    public static AsyncProgress? Of(ClusterJob job, long start)
    {
        if (job.Consistency is not Consistency.Async || job.Notes?.TryGetValue(Note, out string? note) != true) return null;
        var progress = Parse(note!, start, job.Plan.Pieces);
        if (progress.Ahead.All(piece => piece.Step < job.Plan.TotalSteps)) return progress;
        throw new UserErrorException($"the job has {job.Plan.TotalSteps} steps, expected {progress.Ahead.Max(piece => piece.Step) + 1} or more: so far reach the pieces that are in the checkpoint's weights");
    }

    /// <summary>Reads a note.</summary>
    /// <param name="text">The note.</param>
    /// <param name="start">The step that its checkpoint stands at.</param>
    /// <param name="pieces">Pieces of a step.</param>
    /// <exception cref="UserErrorException">It makes no sense.</exception>
    public static AsyncProgress Parse(string text, long start, int pieces)
    {
        try
        {
            string[] parts = text.Split(' ');
            var ahead = parts.Skip(1).Select(PieceOf).ToImmutableArray();
            long version = long.Parse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture);
            bool isSound = ahead.All(piece => piece.Step >= start && (uint)piece.Leaf.Piece < (uint)pieces) && ahead.DistinctBy(piece => (piece.Step, piece.Leaf.Piece)).Count() == ahead.Length;
            if (isSound) return new AsyncProgress(version, ahead);
        }
        catch (Exception error) when (error is FormatException or OverflowException or IndexOutOfRangeException)
        {
            // Said below.
        }
        throw new UserErrorException($"the checkpoint's note '{Note}' was '{text}', expected a version and pieces of steps from {start} on");
    }

    private static (long Step, Gradients.Leaf Leaf) PieceOf(string text)
    {
        string[] parts = text.Split(':');
        var culture = CultureInfo.InvariantCulture;
        return (long.Parse(parts[0], NumberStyles.None, culture), new Gradients.Leaf(
            int.Parse(parts[1], NumberStyles.None, culture), int.Parse(parts[2], NumberStyles.None, culture), double.Parse(parts[3], culture), double.Parse(parts[4], culture),
            long.Parse(parts[5], NumberStyles.None, culture), long.Parse(parts[6], NumberStyles.None, culture), int.Parse(parts[7], NumberStyles.None, culture)));
    }
}
