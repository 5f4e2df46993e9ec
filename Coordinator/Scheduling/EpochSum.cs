using Akka.Actor;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker.Compute;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>A compute thread to the coordinator: what an epoch came to, with a copy of its weights where it is the best so far; or why that could not be found.</summary>
internal sealed record EpochSummed(EpochSum Work, MetricSum? Test, FloatBuffer? Best, Exception? Error) : INoSerializationVerificationNeeded;

/// <summary>Joins an evaluation's slices, finds its metrics (an exact area under the ROC curve sorts every score) and copies the weights of a best epoch, on a compute thread.</summary>
/// <param name="board">All of whose slices are in, and which nobody else touches any more; null without an evaluation.</param>
/// <param name="isBest">Whether an epoch with such a result is the best so far.</param>
/// <param name="weights">The epoch's weights, to copy if it is; given back.</param>
/// <param name="coordinator">Told the result.</param>
internal sealed class EpochSum(EvaluationBoard? board, Func<MetricSum?, bool> isBest, WeightStore.Lease? weights, IActorRef coordinator) : SharedWork(1)
{
    private MetricSum? test;
    private FloatBuffer? best;
    private Exception? error;

    /// <summary>Posts it.</summary>
    public void PostTo(ISharedQueue compute)
    {
        Reset();
        compute.Post(this);
    }

    /// <inheritdoc/>
    protected override void RunPart(int part)
    {
        try
        {
            test = board?.Sum();
            // Made when they are first asked for, and kept.
            _ = test?.Metrics;
            if (weights is { } held && isBest(test))
            {
                best = new FloatBuffer(held.Weights.Length);
                held.Weights.Span.CopyTo(best.Span);
            }
        }
        catch (Exception failure)
        {
            error = failure;
        }
        finally
        {
            weights?.Dispose();
        }
    }

    /// <inheritdoc/>
    protected override void Complete() => coordinator.Tell(new EpochSummed(this, test, best, error), ActorRefs.NoSender);
}
