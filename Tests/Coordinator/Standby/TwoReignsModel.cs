namespace DistTrain.Tests.Coordinator.Standby;

/// <summary>
/// A primary, a standby and workers on a network that delays, loses and parts, on clocks that drift, with processes that halt, die and come again; in virtual time, from a seed. The rule's own parts decide; what passes between them is told
/// here as the actors tell it.
/// </summary>
internal sealed partial class TwoReignsModel
{
    private static readonly TimeSpan Detection = TimeSpan.FromSeconds(1), Patience = Detection * 2;
    private static readonly Guid Line = Guid.NewGuid();

    private readonly Random random;
    private readonly ManualTime time = new();
    private readonly PriorityQueue<Action, (TimeSpan At, long Number)> queue = new();
    private readonly List<Node> nodes = [];
    private readonly PrimaryNode primary;
    private readonly StandbyNode standby;
    private HashSet<Node> cut = [];
    private double loss;
    private long number;

    public TwoReignsModel(int seed)
    {
        random = new Random(seed);
        nodes.Add(primary = new PrimaryNode(this));
        nodes.Add(standby = new StandbyNode(this));
        int workers = random.Next(1, 6);
        for (int i = 0; i < workers; i++) nodes.Add(new WorkerNode(this));
        foreach (var node in nodes) After(random.NextDouble() * 0.5, node.Turn);
        After(5 + (random.NextDouble() * 5), Disturb);
    }

    /// <summary>Whether the standby took over.</summary>
    public bool TookOver => standby.Elected;

    /// <summary>Whether the primary ever had to pause.</summary>
    public bool Paused { get; private set; }

    /// <summary>Whether, at the end, exactly one of both goes on.</summary>
    public bool OneGoesOn => standby.Elected ^ (primary.IsUp && primary.Rule.MayRule);

    /// <summary>Runs; returns when two reigned at once, null for never.</summary>
    public TimeSpan? Run(TimeSpan until)
    {
        while (queue.TryDequeue(out var act, out var at) && at.At < until)
        {
            // Time passes between events too: what lasts longest is looked at just before the next one.
            time.Set(at.At - TimeSpan.FromTicks(1) > time.Elapsed ? at.At - TimeSpan.FromTicks(1) : time.Elapsed);
            if (BothReign()) return time.Elapsed;
            time.Set(at.At);
            act();
            if (BothReign()) return time.Elapsed;
            Paused |= primary.IsUp && !primary.Rule.MayRule;
        }
        return null;
    }

    private bool BothReign() => standby.Elected && primary.IsUp && primary.Rule.MayRule;

    private void After(double seconds, Action act) => queue.Enqueue(act, (time.Elapsed + TimeSpan.FromSeconds(seconds), number++));

    private void Send(Node from, Node to, Action<Node> deliver)
    {
        if (cut.Contains(from) != cut.Contains(to) || random.NextDouble() < loss) return;
        double delay = random.Next(20) == 0 ? random.NextDouble() * 3 : random.NextDouble() * 0.1;
        int life = to.Process;
        After(delay, Arrive);
        void Arrive()
        {
            if (to.Process != life) return;
            if (to.HaltedUntil > time.Elapsed) After((to.HaltedUntil - time.Elapsed).TotalSeconds + 0.001, Arrive);
            else if (to.IsUp) deliver(from);
        }
    }

    private void Disturb()
    {
        switch (random.Next(6))
        {
            case 0 or 1:
                cut = [.. nodes.Where(_ => random.Next(2) == 0)];
                break;
            case 2: loss = random.NextDouble() * 0.5; break;
            case 3: nodes[random.Next(nodes.Count)].HaltedUntil = time.Elapsed + TimeSpan.FromSeconds(random.NextDouble() * 6); break;
            case 4: nodes[random.Next(nodes.Count)].Restart(); break;
            case 5: primary.Die(); break;
        }
        After(3 + (random.NextDouble() * 6), () =>
        {
            if (random.Next(3) == 0) return;
            (cut, loss) = ([], 0);
        });
        After(1 + (random.NextDouble() * 8), time.Elapsed < TimeSpan.FromSeconds(60) ? Disturb : () => (cut, loss) = ([], 0));
    }
}
