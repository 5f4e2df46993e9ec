using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>
/// Who was asked for a leaf's state, who has sent it, and what the answers come to. Time is counted in ticks. A state is large: one that was sent is not asked for again before it had time to arrive.
/// </summary>
public sealed class ResidualBoard
{
    /// <summary>Ticks that a question stays open after everybody has said no: a worker of which only a connection broke has the state, and takes part again after its next tick.</summary>
    public const int Grace = 2;

    /// <summary>Ticks until a state that was sent, and has not arrived, is asked for again; twice as many each time.</summary>
    public const int Patience = 4;

    /// <summary>Ticks after which a question that nobody repeats is dropped: whoever asked has its answer, or is gone.</summary>
    public const int Forgets = 5;

    /// <summary>Ticks in which whoever asks must have asked again for its state to be called lost: a question that came late, or twice, is not one any more.</summary>
    public const int Fresh = 2;

    private readonly Dictionary<ResidualQuestion, Asked> open = [];
    private long now;

    /// <summary>The questions that are not settled.</summary>
    public ImmutableArray<ResidualQuestion> Open => [.. open.Keys];

    /// <summary>Whether a question is not settled.</summary>
    public bool IsOpen(ResidualQuestion question) => open.ContainsKey(question);

    /// <summary>A question is asked, perhaps again; it takes the place of an older one for the same leaf and receiver.</summary>
    /// <param name="question">The question.</param>
    public void Ask(ResidualQuestion question)
    {
        if (!open.TryGetValue(question, out var asked))
        {
            foreach (var old in open.Keys.Where(old => old.Leaf == question.Leaf && old.To.Equals(question.To)).ToList()) open.Remove(old);
            open.Add(question, asked = new Asked());
        }
        asked.Repeated = now;
    }

    /// <summary>Those of whom an answer to an open question is wanted now: nobody while the state is on its way.</summary>
    /// <param name="question">A question that was asked.</param>
    /// <param name="workers">All who take part now, but the one who asks.</param>
    public ImmutableArray<WorkerId> ToAsk(ResidualQuestion question, IEnumerable<WorkerId> workers)
    {
        if (!open.TryGetValue(question, out var asked) || IsOnItsWay(asked)) return [];
        foreach (var worker in workers)
            if (!asked.SaidNo.Contains(worker)) asked.Silent.Add(worker);
        return [.. asked.Silent];
    }

    /// <summary>Whether a state that the coordinator has itself is to be sent now; if so, it counts as sent.</summary>
    /// <param name="question">The question.</param>
    public bool Send(ResidualQuestion question)
    {
        Ask(question);
        if (IsOnItsWay(open[question])) return false;
        open[question].SentBy(null, now);
        return true;
    }

    /// <summary>A worker answers: it has sent the state, or it does not have it.</summary>
    /// <param name="answer">The answer.</param>
    public void Heard(Residuals.Answer answer)
    {
        if (!open.TryGetValue(new ResidualQuestion(answer.Leaf, answer.After, answer.To), out var asked)) return;
        asked.Silent.Remove(answer.Worker);
        if (answer.Sent)
        {
            asked.SentBy(answer.Worker, now);
            return;
        }
        asked.Newest = Math.Max(asked.Newest, answer.Newest);
        asked.SaidNo.Add(answer.Worker);
    }

    /// <summary>The state is where it was needed, or is no longer needed there.</summary>
    public void Settle(ResidualQuestion question) => open.Remove(question);

    /// <summary>A worker is lost, or off the roster: it answers nothing any more, and what it sent may not arrive.</summary>
    public void Forget(WorkerId worker)
    {
        foreach (var asked in open.Values)
        {
            asked.Silent.Remove(worker);
            if (asked.Sender == worker) asked.IsSent = false;
        }
    }

    /// <summary>A tick has passed. Gives the questions whose state is lost: nobody has it, or a newer one, and nobody who might have it has come since.</summary>
    public ImmutableArray<ResidualQuestion> Tick()
    {
        now++;
        var lost = ImmutableArray.CreateBuilder<ResidualQuestion>();
        foreach (var (question, asked) in open.ToList())
        {
            if (now - asked.Repeated > Forgets)
            {
                open.Remove(question);
                continue;
            }
            asked.Quiet = asked.IsSent || asked.Silent.Count > 0 ? 0 : asked.Quiet + 1;
            if (asked.Quiet <= Grace) continue;
            // Somebody is ahead: whoever asks is behind, and will ask for a newer one.
            bool isAhead = asked.Newest > question.After;
            if (!isAhead && now - asked.Repeated > Fresh) continue;
            open.Remove(question);
            if (!isAhead) lost.Add(question);
        }
        return lost.ToImmutable();
    }

    private bool IsOnItsWay(Asked asked)
    {
        if (!asked.IsSent) return false;
        if (now < asked.Until) return true;
        asked.IsSent = false;
        asked.SaidNo.Clear();
        return false;
    }

    private sealed class Asked
    {
        private long patience = Patience;

        public HashSet<WorkerId> Silent { get; } = [];

        public HashSet<WorkerId> SaidNo { get; } = [];

        public long Newest { get; set; } = long.MinValue;

        /// <summary>When somebody last said that it needs the state.</summary>
        public long Repeated { get; set; }

        /// <summary>Ticks that everybody has said no.</summary>
        public int Quiet { get; set; }

        public bool IsSent { get; set; }

        public WorkerId? Sender { get; private set; }

        public long Until { get; private set; }

        public void SentBy(WorkerId? worker, long time)
        {
            (IsSent, Sender, Until) = (true, worker, time + patience);
            patience *= 2;
        }
    }
}

/// <summary>A state that somebody needs: the leaf, the last clock in it, who needs it.</summary>
public readonly record struct ResidualQuestion(int Leaf, long After, IActorRef To);
