namespace DistTrain.Tests;

/// <summary>Tests that watch the whole process (its allocation, its memory) run while no other test does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
