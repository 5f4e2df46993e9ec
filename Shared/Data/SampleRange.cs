namespace DistTrain.Data;

/// <summary>Consecutive positions in the shuffled order of an epoch: a batch, or a shard's piece of one.</summary>
/// <param name="Epoch">The epoch, from 0; -1 for the data set's own order, as evaluation reads it.</param>
/// <param name="Start">The first position.</param>
/// <param name="Count">The number of positions; 0 for an empty piece.</param>
public readonly record struct SampleRange(int Epoch, int Start, int Count)
{
    /// <summary>Positions in the data set's own order, read without augmentation.</summary>
    public static SampleRange Evaluation(int start, int count) => new(-1, start, count);
}
