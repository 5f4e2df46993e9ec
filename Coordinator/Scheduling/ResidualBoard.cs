using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>Who was asked for a leaf's error-feedback state, and what the answers come to.</summary>
public sealed class ResidualBoard
{
    private readonly Dictionary<ResidualQuestion, Asked> open = [];

    /// <summary>What became of a question.</summary>
    public enum Verdict
    {
        /// <summary>Somebody has yet to answer.</summary>
        Open,

        /// <summary>The state is on its way, or whoever asked is behind and will ask for a newer one.</summary>
        Settled,

        /// <summary>Nobody has the state: it was lost with its worker.</summary>
        Lost,
    }

    /// <summary>A question is asked, perhaps again.</summary>
    /// <param name="question">The question.</param>
    /// <param name="workers">All who take part, but the one who asks.</param>
    /// <returns>Those who have not answered it.</returns>
    public ImmutableArray<WorkerId> Ask(ResidualQuestion question, IEnumerable<WorkerId> workers)
    {
        if (!open.TryGetValue(question, out var asked)) open.Add(question, asked = new Asked([.. workers]));
        return [.. asked.Silent];
    }

    /// <summary>An answer.</summary>
    public Verdict Heard(Residuals.Answer answer)
    {
        var question = new ResidualQuestion(answer.Leaf, answer.After, answer.To);
        if (!open.TryGetValue(question, out var asked)) return Verdict.Settled;
        if (answer.Sent)
        {
            open.Remove(question);
            return Verdict.Settled;
        }
        asked.Newest = Math.Max(asked.Newest, answer.Newest);
        asked.Silent.Remove(answer.Worker);
        return Judge(question, asked);
    }

    /// <summary>A worker is lost: it answers nothing any more. Gives the questions that nobody can answer now.</summary>
    public ImmutableArray<ResidualQuestion> Forget(WorkerId worker)
    {
        var lost = ImmutableArray.CreateBuilder<ResidualQuestion>();
        foreach (var (question, asked) in open.ToList())
            if (asked.Silent.Remove(worker) && Judge(question, asked) == Verdict.Lost) lost.Add(question);
        return lost.ToImmutable();
    }

    private Verdict Judge(ResidualQuestion question, Asked asked)
    {
        if (asked.Silent.Count > 0) return Verdict.Open;
        open.Remove(question);
        return asked.Newest > question.After ? Verdict.Settled : Verdict.Lost;
    }

    private sealed class Asked(HashSet<WorkerId> silent)
    {
        public HashSet<WorkerId> Silent { get; } = silent;

        public long Newest { get; set; } = long.MinValue;
    }
}

/// <summary>A state that somebody needs: the leaf, the last clock in it, who needs it.</summary>
public readonly record struct ResidualQuestion(int Leaf, long After, IActorRef To);
