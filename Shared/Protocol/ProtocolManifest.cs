using System.Collections.Frozen;

namespace DistTrain.Protocol;

/// <summary>Every message that may travel, with the short name it travels under. A new message gets a line here; a name is never used for another one.</summary>
public static class ProtocolManifest
{
    private static readonly (string Name, Type Type)[] Table =
    [
        ("mj", typeof(Membership.Join)),
        ("mw", typeof(Membership.Welcome)),
        ("mr", typeof(Membership.Refused)),
        ("mn", typeof(Membership.NotTaken)),
        ("mh", typeof(Membership.Heartbeat)),
        ("ml", typeof(Membership.Leave)),
        ("my", typeof(Membership.Stay)),
        ("mx", typeof(Membership.Lost)),
        ("ma", typeof(Membership.Rejoin)),
        ("sa", typeof(Schedule.Assignment)),
        ("sh", typeof(Schedule.Horizon)),
        ("st", typeof(Schedule.Halt)),
        ("sd", typeof(Schedule.Halted)),
        ("ss", typeof(Schedule.Stop)),
        ("se", typeof(Schedule.JobEnded)),
        ("gc", typeof(Gradients.Contribution)),
        ("gr", typeof(Gradients.Refused)),
        ("gm", typeof(Gradients.Missing)),
        ("wp", typeof(Weights.Published)),
        ("ww", typeof(Weights.Wanted)),
        ("qw", typeof(Pieces.Wanted)),
        ("qg", typeof(Pieces.Granted)),
        ("qa", typeof(Pieces.Applied)),
        ("pa", typeof(Progress.Applied)),
        ("pw", typeof(Progress.Wanted)),
        ("pf", typeof(Progress.Failed)),
        ("np", typeof(Norms.Part)),
        ("nv", typeof(Norms.Verdict)),
        ("cw", typeof(Channels.Wanted)),
        ("co", typeof(Channels.Offer)),
        ("cp", typeof(Channels.Piece)),
        ("ct", typeof(Channels.PiecesTaken)),
        ("nh", typeof(Nodes.Hello)),
        ("no", typeof(Nodes.Offer)),
        ("nu", typeof(Nodes.Unfit)),
        ("ni", typeof(Nodes.Ping)),
        ("nj", typeof(Nodes.Pong)),
        ("nb", typeof(Nodes.Bye)),
        ("na", typeof(Nodes.Ask)),
        ("ns", typeof(Nodes.Status)),
        ("bh", typeof(Standbys.Hello)),
        ("bo", typeof(Standbys.Offer)),
        ("bs", typeof(Standbys.Shared)),
        ("ba", typeof(Standbys.Accepted)),
        ("bm", typeof(Standbys.Members)),
        ("bt", typeof(Standbys.MembersTaken)),
        ("bn", typeof(Standbys.Saved)),
        ("bw", typeof(Standbys.PiecesWanted)),
        ("bp", typeof(Standbys.Piece)),
        ("bf", typeof(Standbys.Fetched)),
        ("bq", typeof(Standbys.Asked)),
        ("bx", typeof(Standbys.Reigns)),
        ("be", typeof(Standbys.JobOver)),
        ("bl", typeof(Standbys.Leaves)),
        ("bc", typeof(Standbys.Campaign)),
        ("bv", typeof(Standbys.Promise)),
        ("bu", typeof(Standbys.Released)),
        ("rw", typeof(Residuals.Wanted)),
        ("ro", typeof(Residuals.Order)),
        ("ra", typeof(Residuals.Answer)),
        ("rs", typeof(Residuals.State)),
        ("rz", typeof(Residuals.Zero)),
        ("eo", typeof(Evaluation.Order)),
        ("er", typeof(Evaluation.Report)),
    ];

    private static readonly FrozenDictionary<string, Type> ByName = Table.ToFrozenDictionary(row => row.Name, row => row.Type);
    private static readonly FrozenDictionary<Type, string> ByType = Table.ToFrozenDictionary(row => row.Type, row => row.Name);

    /// <summary>All message types.</summary>
    public static IEnumerable<Type> Types => ByType.Keys;

    /// <summary>The type that a manifest stands for; null for an unknown one.</summary>
    public static Type? TypeOf(string manifest) => ByName.GetValueOrDefault(manifest);

    /// <summary>The manifest of a message type; null for one that may not travel.</summary>
    public static string? NameOf(Type type) => ByType.GetValueOrDefault(type);
}
