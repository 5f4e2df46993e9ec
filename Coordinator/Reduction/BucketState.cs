using Akka.Actor;
using DistTrain.Training;

namespace DistTrain.Coordinator.Reduction;

/// <summary>One bucket of a server: its version, the steps whose contributions are being collected, and the work on it.</summary>
internal sealed class BucketState
{
    private readonly ContributionLedger[] window;
    private readonly ClockPlan clocks;

    public BucketState(ServerSetup setup, IActorRef server, Bucket bucket)
    {
        Bucket = bucket;
        Work = new BucketWork(setup, server, bucket);
        Version = setup.StartVersion;
        clocks = new ClockPlan(setup.Plan, setup.Consistency);
        window = new ContributionLedger[setup.Consistency.StalenessBound + 1];
        for (int i = 0; i < window.Length; i++) window[i] = new ContributionLedger(setup.Plan.Pieces, clocks) { Bug = setup.Bug };
        for (int i = 0; i < window.Length; i++) window[(setup.StartVersion + i) % window.Length].Begin(setup.StartVersion + i);
    }

    public Bucket Bucket { get; }

    public BucketWork Work { get; }

    /// <summary>The newest version published: the number of steps in it.</summary>
    public long Version { get; private set; }

    /// <summary>Whether a phase is being computed.</summary>
    public bool Busy { get; set; }

    /// <summary>Whether the average is computed and waits for the verdict on the whole gradient.</summary>
    public bool Averaged { get; set; }

    /// <summary>One past the newest step that may be contributed to.</summary>
    public long End => Version + window.Length;

    /// <summary>Whether the next step's contributions are all in, and nothing is being done with them yet. Beyond the job's end there is no next step.</summary>
    public bool CanStart => !Busy && !Averaged && Version < clocks.Count && Current.IsComplete;

    /// <summary>What collects a step's contributions; null when the step is done, or too far ahead.</summary>
    public ContributionLedger? Collecting(long step) => step >= Version && step < End ? window[step % window.Length] : null;

    /// <summary>The ledger of the next step to apply.</summary>
    public ContributionLedger Current => window[Version % window.Length];

    /// <summary>The next step is applied: forget its contributions and collect those of the newest one.</summary>
    public void Advance()
    {
        Current.Begin(End);
        Version++;
        Averaged = false;
        Busy = false;
    }
}
