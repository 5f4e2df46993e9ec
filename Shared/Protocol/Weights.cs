using System.Collections.Immutable;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>Weights on their way from servers to workers.</summary>
public static class Weights
{
    /// <summary>Server to workers, with a tensor: a bucket of a version is final and may be read.</summary>
    /// <param name="Term">The server's term.</param>
    /// <param name="Version">The number of steps that are in it.</param>
    /// <param name="Bucket">The bucket of the layout.</param>
    [MessagePackObject]
    public sealed record Published([property: Key(0)] Term Term, [property: Key(1)] long Version, [property: Key(2)] int Bucket) : IProtocolMessage;

    /// <summary>
    /// Worker to server: send me what is newer than this from now on. Sent on joining and again when nothing came for a while; the server answers with the
    /// buckets that are there and with <see cref="Gradients.Missing"/> for those that are not.
    /// </summary>
    /// <param name="Term">The term that the worker follows.</param>
    /// <param name="Worker">Who waits.</param>
    /// <param name="Version">The newest version of which the worker has all buckets; −1 for none.</param>
    /// <param name="Newest">The newest version of each bucket of the layout that the worker has; −1 for none. Buckets advance one by one, so a worker that comes in the middle of a step gets different ones.</param>
    /// <param name="Skipped">Buckets of which the worker has a newer version than the oldest in <paramref name="Newest"/>, but not that one, so that it has no whole version.</param>
    [MessagePackObject]
    public sealed record Wanted(
        [property: Key(0)] Term Term, [property: Key(1)] WorkerId Worker, [property: Key(2)] long Version, [property: Key(3)] ImmutableArray<long> Newest, [property: Key(4)] ImmutableArray<int> Skipped) : IProtocolMessage;
}
