using Akka.Actor;
using DistTrain.Optim;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Worker.Compute;

namespace DistTrain.Coordinator.Reduction;

/// <summary>What is done to a bucket.</summary>
internal enum BucketPhase
{
    /// <summary>Average and step in one pass over memory.</summary>
    ReduceAndStep,

    /// <summary>Average into the server's buffer, with the blocks' sums of squares: the norm comes before the step.</summary>
    Reduce,

    /// <summary>Step from the server's buffer, with the clipping coefficient.</summary>
    Step,

    /// <summary>Copy the weights: the step is skipped.</summary>
    Skip,
}

/// <summary>The compute threads to their server: a phase of a bucket is done.</summary>
internal sealed record BucketWorkDone(int Bucket) : INoSerializationVerificationNeeded;

/// <summary>
/// The arithmetic of one bucket of one server, in parts of a few blocks that any free compute thread takes: reduce along the tree, step out of place into the next version. Reused from step to step.
/// </summary>
internal sealed class BucketWork(ServerSetup setup, IActorRef server, Bucket bucket) : SharedWork(Math.Max(1, (bucket.Blocks + BlocksPerPart - 1) / BlocksPerPart))
{
    private const int BlocksPerPart = 8;

    private readonly BucketWorkDone done = new(bucket.Index);
    private readonly FloatBuffer? averaged = setup.NeedsVerdict ? new FloatBuffer(bucket.Length) : null;
    private readonly double[] squares = new double[bucket.Blocks];
    private BucketPhase phase;
    private ContributionLedger? ledger;
    private FloatBuffer? from;
    private FloatBuffer? to;
    private FloatBuffer? rounded;
    private long step;
    private int leaves;
    private double learningRate;
    private float coefficient;
    private volatile bool finite;

    /// <summary>The sums of squares that <see cref="BucketPhase.Reduce"/> found, one per block.</summary>
    public ReadOnlySpan<double> Squares => squares;

    /// <summary>Whether the last phase saw only finite numbers.</summary>
    public bool IsFinite => finite;

    /// <summary>When the parts of the last phase were done; null where no timeline is recorded.</summary>
    public PartTimes? Times { get; } = setup.Timeline is null ? null : new PartTimes(Math.Max(1, (bucket.Blocks + BlocksPerPart - 1) / BlocksPerPart));

    /// <summary>The phase last begun.</summary>
    public BucketPhase Phase => phase;

    /// <summary>An error that ended the last phase early; null for none.</summary>
    public Exception? Error { get; private set; }

    public void Prepare(BucketPhase phase, ContributionLedger ledger, int leaves, FloatBuffer from, FloatBuffer to, FloatBuffer? rounded, double learningRate, float coefficient)
    {
        this.phase = phase;
        this.ledger = ledger;
        this.leaves = leaves;
        this.from = from;
        this.to = to;
        this.rounded = rounded;
        this.learningRate = learningRate;
        this.coefficient = coefficient;
        step = ledger.Step;
        if (phase != BucketPhase.Reduce && setup.Reached is { } reached) Volatile.Write(ref reached[bucket.Index], step + 1);
        finite = true;
        Error = null;
        Reset();
    }

    protected override void RunPart(int part)
    {
        long began = Times is null ? 0 : Timeline.Now, averaging = 0;
        try
        {
            int first = part * BlocksPerPart, end = Math.Min(first + BlocksPerPart, bucket.Blocks);
            for (int block = first; block < end; block++)
            {
                int offset = block * ParameterLayout.BlockLength;
                averaging += RunBlock(block, offset, Math.Min(ParameterLayout.BlockLength, bucket.Length - offset));
            }
        }
        catch (Exception error)
        {
            Error = error;
        }
        Times?.Done(part, began, Timeline.Now, averaging);
    }

    protected override void Complete() => server.Tell(done);

    /// <summary>Does a block; gives the time that averaging took of a pass that averages and steps, where it is recorded.</summary>
    private long RunBlock(int block, int offset, int length)
    {
        long averaging = 0;
        switch (phase)
        {
            case BucketPhase.Skip:
                Old(offset, length).CopyTo(New(offset, length));
                break;
            case BucketPhase.Reduce:
                var sum = averaged!.Slice(offset, length);
                TreeSum.Into(ledger!, leaves, offset, sum);
                squares[block] = bucket.IsStatistics ? 0 : Simd.Reduce.SumOfSquares(sum);
                break;
            case BucketPhase.Step:
                Apply(averaged!.Slice(offset, length), offset, length);
                break;
            default:
                long begin = Times is null ? 0 : Timeline.Now;
                var average = TreeSum.Of(ledger!, leaves, offset, length);
                if (!GradientKernels.AllFinite(average)) finite = false;
                if (Times is not null) averaging = Timeline.Now - begin;
                Apply(average, offset, length);
                break;
        }
        if (rounded is not null && phase != BucketPhase.Reduce) RoundedWeights.Write(setup.WeightsCodec, bucket, New(offset, length), rounded.Slice(bucket.Offset + offset, length));
        return averaging;
    }

    /// <summary>The rule knows from the place in the layout what is a parameter, what is frozen and what are running statistics.</summary>
    private void Apply(ReadOnlySpan<float> gradient, int offset, int length) =>
        setup.Rule.Apply(step + 1, learningRate, coefficient, Old(offset, length), gradient, new StateSlices(setup.State, bucket.Offset + offset, length), New(offset, length));

    private Span<float> Old(int offset, int length) => from!.Slice(bucket.Offset + offset, length);

    private Span<float> New(int offset, int length) => to!.Slice(bucket.Offset + offset, length);
}
