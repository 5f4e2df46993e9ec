using DistTrain.Transport.Frames;

namespace DistTrain.Transport;

/// <summary>What is to be done with a tensor that is about to arrive.</summary>
public enum Placement
{
    /// <summary>It goes where the placer says.</summary>
    Take,

    /// <summary>Nobody needs it any more: its bytes are read and dropped.</summary>
    Discard,

    /// <summary>It cannot be: the connection is closed.</summary>
    Refuse,
}

/// <summary>Says where an arriving tensor's floats go, before they are read: they are received there, without a copy in between. Called on the connection's thread.</summary>
public interface ITensorPlacer
{
    /// <summary>Finds the place for a tensor.</summary>
    /// <param name="header">What it is; its lengths are already checked against the layout.</param>
    /// <param name="destination">As many floats as the header says.</param>
    /// <param name="lease">To be disposed by the receiver once it no longer needs the floats; null where they are not lent.</param>
    Placement Place(in FrameHeader header, out TensorSlice destination, out IDisposable? lease);

    /// <summary>A tensor that was placed is there whole, its checksum right; told before its receiver is.</summary>
    void Arrived(in FrameHeader header) { }
}
