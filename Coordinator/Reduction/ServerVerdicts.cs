using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Training;

namespace DistTrain.Coordinator.Reduction;

/// <summary>What servers need to agree on a step before they apply it: a server's part of the norm and, on the head, everybody's.</summary>
internal sealed class ServerVerdicts(ServerSetup setup, BucketState[] own)
{
    private readonly NormBoard board = new(setup.Buckets.Blocks, setup.Buckets.Servers);
    private readonly HashSet<IActorRef> servers = [];
    private Norms.Verdict? last;

    /// <summary>On the head: the servers that were heard of.</summary>
    public IEnumerable<IActorRef> Servers => servers;

    /// <summary>On the head: a step's norm.</summary>
    public double NormOf(long step) => last?.Step == step ? last.Norm : double.NaN;

    /// <summary>This server's part of the current step, once all of its buckets are averaged; else null.</summary>
    public Norms.Part? Part()
    {
        long step = own[0].Version;
        foreach (var state in own)
            if (!state.Averaged || state.Busy || state.Version != step) return null;
        var parameters = own.Where(state => !state.Bucket.IsStatistics).ToArray();
        int first = parameters[0].Bucket.FirstBlock, count = parameters.Sum(state => state.Bucket.Blocks);
        double[] squares = new double[count];
        foreach (var state in parameters) state.Work.Squares.CopyTo(squares.AsSpan(state.Bucket.FirstBlock - first));
        return new Norms.Part(setup.Term, setup.Id, step, NormBoard.PartOf(first, squares, setup.Buckets.Blocks));
    }

    /// <summary>On the head: a part is in. The verdict, when it was the last one, or when it is asked for again.</summary>
    public Norms.Verdict? Heard(Norms.Part part, IActorRef server)
    {
        servers.Add(server);
        if (last is not null && part.Step <= last.Step) return part.Step == last.Step ? last : null;
        if (part.Step != board.Step) board.Begin(part.Step);
        board.Add(part);
        if (!board.IsComplete) return null;
        double norm = board.Norm();
        bool finite = double.IsFinite(norm);
        float coefficient = setup.Plan.ClipNorm is { } most && finite ? GradientNorm.ClipFactor(norm, most) : 1f;
        return last = new Norms.Verdict(setup.Term, part.Step, coefficient, !finite, norm);
    }
}
