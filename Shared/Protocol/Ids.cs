using MessagePack;

namespace DistTrain.Protocol;

/// <summary>One training job, from its start to its end, resumes included.</summary>
[MessagePackObject]
public readonly record struct JobId([property: Key(0)] Guid Value)
{
    /// <inheritdoc/>
    public override string ToString() => Value.ToString("N");
}

/// <summary>A worker's number within a job, given by the coordinator when it joins; never used again after the worker is lost.</summary>
[MessagePackObject]
public readonly record struct WorkerId([property: Key(0)] int Value)
{
    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}

/// <summary>A parameter server's number, in [0, k). Server 0 also combines norms and metrics.</summary>
[MessagePackObject]
public readonly record struct ServerId([property: Key(0)] int Value)
{
    /// <summary>The server that combines norms and metrics.</summary>
    public static ServerId Head => default;

    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}

/// <summary>One lifetime of a node's actor system: a node that comes back has another one.</summary>
[MessagePackObject]
public readonly record struct Incarnation([property: Key(0)] long Value);

/// <summary>A coordinator's reign: grows with each take-over; what an older one ordered is refused.</summary>
[MessagePackObject]
public readonly record struct Term([property: Key(0)] long Value) : IComparable<Term>
{
    /// <inheritdoc/>
    public int CompareTo(Term other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}

/// <summary>Counts the orders of one kind (assignments, horizons) within a term: a higher one replaces a lower one, whatever order they arrive in.</summary>
[MessagePackObject]
public readonly record struct Revision([property: Key(0)] int Value) : IComparable<Revision>
{
    /// <inheritdoc/>
    public int CompareTo(Revision other) => Value.CompareTo(other.Value);

    /// <summary>The revision after this one.</summary>
    public Revision Next() => new(Value + 1);
}
