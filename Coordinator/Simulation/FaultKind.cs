namespace DistTrain.Coordinator.Simulation;

/// <summary>What a simulation does to a cluster.</summary>
public enum FaultKind
{
    /// <summary>Messages to or from a node take long for a while.</summary>
    Delay,

    /// <summary>Messages of different senders overtake each other.</summary>
    Reorder,

    /// <summary>Messages arrive twice.</summary>
    Duplicate,

    /// <summary>Messages on a link get lost.</summary>
    Loss,

    /// <summary>A node stands still and then goes on, perhaps after it was given up.</summary>
    Pause,

    /// <summary>A worker dies.</summary>
    Crash,

    /// <summary>A worker dies and its node comes back as another incarnation.</summary>
    Restart,

    /// <summary>A worker that was not there at the start joins.</summary>
    Join,

    /// <summary>A node, the coordinator's too, is cut off from all others for a while.</summary>
    Partition,

    /// <summary>A worker computes many times slower for a while.</summary>
    Slow,

    /// <summary>A worker goes by itself: others get what it has first.</summary>
    Leave,
}

/// <summary>Reads and writes lists of fault kinds.</summary>
public static class FaultKinds
{
    /// <summary>All kinds.</summary>
    public static IReadOnlyList<FaultKind> All { get; } = Enum.GetValues<FaultKind>();

    /// <summary>Reads <c>all</c>, <c>none</c> or a list such as <c>delay,crash</c>.</summary>
    /// <exception cref="UserErrorException">A name is not known.</exception>
    public static IReadOnlyList<FaultKind> Parse(string text)
    {
        if (text == "all") return All;
        if (text == "none") return [];
        return [.. text.Split(',').Select(name => NameOf(name) ?? throw new UserErrorException($"faults: '{name}' is not known, give all, none or a list of {string.Join(", ", All.Select(Name))}")).Distinct()];
    }

    /// <summary>The kind's name on the command line and in reports.</summary>
    public static string Name(FaultKind kind) => kind.ToString().ToLowerInvariant();

    private static FaultKind? NameOf(string name)
    {
        foreach (var kind in All)
            if (Name(kind) == name) return kind;
        return null;
    }
}
