namespace DistTrain.Transport;

/// <summary>A connection cannot go on; the message says why, in one line, for people. The channel opens another one, unless that is of no use.</summary>
public sealed class ChannelException : IOException
{
    /// <summary>Whether another connection to the same node would end the same way.</summary>
    public bool IsFinal { get; init; }

    /// <summary>Makes the error with its reason.</summary>
    public ChannelException(string reason) : base(reason) { }

    /// <summary>Makes the error with its reason and what caused it.</summary>
    public ChannelException(string reason, Exception inner) : base(reason, inner) { }
}
