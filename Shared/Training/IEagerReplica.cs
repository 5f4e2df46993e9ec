namespace DistTrain.Training;

/// <summary>A version of the weights of which parts may still be on their way.</summary>
public interface IWeightArrivals
{
    /// <summary>Whether everything is here.</summary>
    bool IsWhole { get; }

    /// <summary>Returns once the floats [offset, offset + length) of the layout are here. On the compute thread.</summary>
    /// <exception cref="OperationCanceledException">Nobody needs the piece any more, or the version will not come: its computation ends here.</exception>
    void Wait(int offset, int length);
}

/// <summary>
/// A replica that may begin with a piece before all of its weights are here: it waits for a parameter when it first reads it, so that forward of the first layers runs while the weights of the last ones travel.
/// </summary>
public interface IEagerReplica : IReplica
{
    /// <summary>What <see cref="IReplica.Compute"/> has to wait for; null where all weights are here.</summary>
    IWeightArrivals? Arrivals { get; set; }
}
