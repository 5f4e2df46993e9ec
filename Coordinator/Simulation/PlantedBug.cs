namespace DistTrain.Coordinator.Simulation;

/// <summary>A mistake put in on purpose, to show that the simulator finds it.</summary>
internal enum PlantedBug
{
    None,

    /// <summary>A contribution that comes twice is added twice.</summary>
    DoubleCount,

    /// <summary>A contribution that comes twice makes up for one that did not come.</summary>
    DroppedShard,

    /// <summary>Workers may run one step further ahead than was asked for.</summary>
    LateStaleness,

    /// <summary>A worker that gets a shard begins with an empty state instead of the one that it is sent.</summary>
    LostState,
}
