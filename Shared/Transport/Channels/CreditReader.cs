using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>Reads what a receiver says of the tensors that it got and gave back.</summary>
internal static class CreditReader
{
    /// <summary>Reads until the connection ends, and says why it did; never throws.</summary>
    /// <param name="link">The connection.</param>
    /// <param name="heard">Told each record; what it throws ends the connection.</param>
    public static string Run(ByteLink link, Action<ControlRecord> heard)
    {
        byte[] record = new byte[ControlRecord.Size];
        try
        {
            while (true)
            {
                int count = link.Receive(record);
                if (count < 0) continue;
                if (count == 0) return $"{link.Peer} closed the connection";
                link.ReceiveExactly(record.AsSpan(count), "a credit record");
                heard(ControlRecord.Read(record, link.Peer));
            }
        }
        catch (Exception error)
        {
            return error is ChannelException ? error.Message : $"{link.Peer}: {error.GetType().Name}: {error.Message}";
        }
    }
}
