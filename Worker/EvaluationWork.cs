using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker.Compute;

namespace DistTrain.Worker;

/// <summary>The compute thread to its worker: the slices of an order are evaluated.</summary>
internal sealed record EvaluationComputed(Evaluation.Order Order, ImmutableArray<Evaluation.Slice> Slices) : INoSerializationVerificationNeeded;

/// <summary>Evaluates slices of the test split on the worker's compute thread.</summary>
internal sealed class EvaluationWork(IActorRef worker, IReplica replica, Evaluation.Order order, WeightStore.Lease lease) : IWork
{
    public void Run()
    {
        try
        {
            var slices = ImmutableArray.CreateBuilder<Evaluation.Slice>(order.Count);
            for (int number = order.First; number < order.First + order.Count; number++)
            {
                var found = replica.Evaluate(number, lease.Weights);
                var detail = found.Detail ?? SliceDetail.Empty;
                slices.Add(new Evaluation.Slice(
                    number, found.Samples, found.Denominator, found.LossSum, found.Correct, found.Counted, detail.Counts, detail.Sums, detail.Scores, detail.Labels, detail.Rows));
            }
            lease.Dispose();
            worker.Tell(new EvaluationComputed(order, slices.MoveToImmutable()));
        }
        catch (Exception error)
        {
            lease.Dispose();
            worker.Tell(new ComputeFailed($"evaluation slices {order.First} to {order.First + order.Count - 1}", error));
        }
    }
}

/// <summary>The compute thread to its worker: the replica is made.</summary>
internal sealed record ReplicaReady(IReplica Replica) : INoSerializationVerificationNeeded;

/// <summary>Makes the replica on the worker's compute thread.</summary>
internal sealed class CreateReplicaWork(IActorRef worker, Func<IReplica> create) : IWork
{
    public void Run()
    {
        try
        {
            worker.Tell(new ReplicaReady(create()));
        }
        catch (Exception error)
        {
            worker.Tell(new ComputeFailed("making the model replica", error));
        }
    }
}
