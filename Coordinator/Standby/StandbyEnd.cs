using DistTrain.Coordinator.Recovery;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Standby;

/// <summary>How standing by ended.</summary>
internal abstract record StandbyEnd
{
    /// <summary>The primary is gone and more than half of its workers promised to follow: this process goes on with the job.</summary>
    /// <param name="Offer">The job, as the primary told it.</param>
    /// <param name="Term">The term that they promised to follow.</param>
    /// <param name="Reign">The right to the folder.</param>
    /// <param name="Port">The port that workers know.</param>
    internal sealed record TakesOver(Standbys.Offer Offer, Term Term, Reign Reign, int Port) : StandbyEnd;

    /// <summary>The folder is the primary's too: its lease decides.</summary>
    internal sealed record Shared : StandbyEnd;

    /// <summary>The job is over.</summary>
    internal sealed record JobOver : StandbyEnd;

    /// <summary>The primary does not take this standby.</summary>
    internal sealed record Refused(string Reason) : StandbyEnd;

    /// <summary>The job cannot be stood by for with these options.</summary>
    internal sealed record Unfit(UserErrorException Error) : StandbyEnd;

    /// <summary>The user asked for it.</summary>
    internal sealed record Stopped : StandbyEnd;

    /// <summary>Another process or run of the primary is there: this one begins anew, knowing nothing.</summary>
    internal sealed record Again : StandbyEnd;
}

/// <summary>What a standby makes of an offer.</summary>
internal abstract record StandbyChoice
{
    /// <summary>Stands by, in a folder of its own.</summary>
    internal sealed record Accept(StandbyLives Lives) : StandbyChoice;

    /// <summary>Stands by through the lease of a folder that both have.</summary>
    internal sealed record Share : StandbyChoice;

    /// <summary>Not now: the folder is still another process's.</summary>
    internal sealed record Wait : StandbyChoice;
}
