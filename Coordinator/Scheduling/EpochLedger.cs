using System.Globalization;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>
/// What whole epochs came to, and how many of them have been looked at. An epoch that a limit on steps cuts short is looked at for this run's end alone: a run with a higher limit goes on as if it had not been.
/// </summary>
internal sealed class EpochLedger
{
    private const string StateNote = "watch", EndedNote = "epochs_ended";

    private readonly JobPlan plan;
    private readonly EpochWatch? watch;
    private readonly BestKeeper? keeper;
    private (WatchState State, FloatBuffer? Best, int Ended)? beforeCut;
    private int ended;

    /// <summary>Begins with nothing, or with what a checkpoint says.</summary>
    public EpochLedger(JobPlan plan, EpochWatch? watch, BestKeeper? keeper, long startStep, IReadOnlyDictionary<string, string>? notes)
    {
        (this.plan, this.watch, this.keeper) = (plan, watch, keeper);
        State = watch?.Start ?? default;
        ended = (int)(startStep / Math.Max(1, plan.StepsPerEpoch));
        if (notes is null) return;
        if (watch is not null && notes.TryGetValue(StateNote, out string? state)) State = WatchState.Parse(state);
        if (notes.TryGetValue(EndedNote, out string? count) && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int known)) ended = known;
    }

    /// <summary>What is remembered.</summary>
    public WatchState State { get; private set; }

    /// <summary>The best weights; null for none.</summary>
    public FloatBuffer? BestWeights => keeper?.Weights;

    /// <summary>The best epoch, from 0; null for none.</summary>
    public int? BestEpoch => watch is null || State.BestEpoch < 0 ? null : State.BestEpoch;

    /// <summary>Why the run ends here; null where it does not.</summary>
    public string? StopReason => watch?.Stops(State) == true ? watch.Reason(State) : null;

    /// <summary>The factor on the schedule's learning rate.</summary>
    public double Rate => watch is null ? 1 : State.Plateau.Rate;

    /// <summary>Whether an epoch has ended in so many steps that nobody has looked at yet: the run was stopped just then.</summary>
    public bool IsOpen(long steps) => steps / Math.Max(1, plan.StepsPerEpoch) > ended;

    /// <summary>Looks at an epoch; returns whether it is the best so far.</summary>
    /// <param name="epoch">Its number, from 0.</param>
    /// <param name="steps">Steps done.</param>
    /// <param name="trainLoss">Its training loss.</param>
    /// <param name="test">What its evaluation found.</param>
    /// <param name="best">A copy of its weights, where <see cref="IsBest"/> said so.</param>
    public bool Observe(int epoch, long steps, double trainLoss, MetricSum? test, FloatBuffer? best)
    {
        // A round of local steps may end an epoch in its middle; only the last step of all cuts one short.
        if (steps == plan.TotalSteps && steps % plan.StepsPerEpoch != 0) beforeCut = (State, BestWeights, ended);
        ended = epoch + 1;
        if (watch is null) return false;
        State = watch.Observe(State, epoch, trainLoss, test);
        if (State.BestEpoch != epoch) return false;
        if (keeper is not null) keeper.Weights = best ?? throw new InvalidOperationException($"epoch {epoch} is the best, but nobody copied its weights");
        return true;
    }

    /// <summary>Whether an epoch would be the best so far.</summary>
    public bool IsBest(int epoch, double trainLoss, MetricSum? test) => watch?.Observe(State, epoch, trainLoss, test).BestEpoch == epoch;

    /// <summary>The state for a checkpoint, with the best weights at that time.</summary>
    public FloatBuffer? AddTo(Dictionary<string, string> notes)
    {
        var (state, best, count) = beforeCut ?? (State, BestWeights, ended);
        if (watch is not null) notes[StateNote] = state.ToText();
        notes[EndedNote] = count.ToString(CultureInfo.InvariantCulture);
        return best;
    }
}
