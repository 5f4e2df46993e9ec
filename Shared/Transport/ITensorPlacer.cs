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

    /// <summary>
    /// Whether a tensor may be read where it stands in the sender's memory, as in one process: its sender keeps it as it is until the receiver's answer says that it is done with. False: it is copied to where <see cref="Place"/> says.
    /// </summary>
    bool MayStay(in FrameHeader header) => false;

    /// <summary>A tensor that was placed is there whole, its checksum right; told before its receiver is.</summary>
    void Arrived(in FrameHeader header) { }
}
