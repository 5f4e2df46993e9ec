using Akka.Actor;
using DistTrain.Transport.Links;
using Messages = DistTrain.Protocol.Channels;

namespace DistTrain.Transport.Channels;

/// <summary>A node's voice about its channels on the control plane: says where it takes tensors, hears where others do, and passes on the pieces of connections that have no socket.</summary>
internal sealed class HubActor(ChannelContext context, Messages.Offer offer, Action<Address, Messages.Offer, IActorRef> onOffer) : UntypedActor
{
    /// <summary>The actor's name below <c>/user</c>.</summary>
    public const string Name = "channels";

    private const int MostLinks = 1024;

    private readonly Dictionary<(Guid Connection, bool IsReceiver), AkkaLink> links = [];

    /// <summary>A connection that this node opens over the control plane.</summary>
    internal sealed record Opened(AkkaLink Link) : INoSerializationVerificationNeeded;

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Messages.Wanted wanted:
                if (wanted.Job == offer.Job) Sender.Tell(offer, Self);
                else context.ReportStranger($"{Sender.Path.Address} asks for channels of job {wanted.Job}, this is {offer.Job}");
                break;
            case Messages.Offer other:
                if (other.Job == offer.Job) onOffer(Sender.Path.Address, other, Sender);
                break;
            case Opened opened:
                Add(opened.Link, isReceiver: false);
                break;
            case Messages.Piece piece:
                OnPiece(piece);
                break;
            case Messages.PiecesTaken pieces:
                if (links.TryGetValue((pieces.Connection, !pieces.ToReceiver), out var sending)) sending.OnTaken(pieces.Number);
                break;
            case AkkaLink.Closed closed:
                OnClosed(closed);
                break;
            case Terminated gone:
                // Without a socket nothing else says that a node has died.
                foreach (var link in links.Values.Where(link => link.Remote.Equals(gone.ActorRef)).ToArray()) link.Dispose();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void PostStop()
    {
        foreach (var link in links.Values.ToArray()) link.Dispose();
    }

    private void Add(AkkaLink link, bool isReceiver)
    {
        links[(link.Connection, isReceiver)] = link;
        Context.Watch(link.Remote);
    }

    private void OnClosed(AkkaLink.Closed closed)
    {
        if (links.Remove((closed.Connection, closed.IsReceiver), out var link) && !links.Values.Any(other => other.Remote.Equals(link.Remote))) Context.Unwatch(link.Remote);
    }

    private void OnPiece(Messages.Piece piece)
    {
        if (!links.TryGetValue((piece.Connection, piece.ToReceiver), out var link))
        {
            if (!piece.ToReceiver || piece.Number != 0 || links.Count >= MostLinks) return;
            var accepted = new AkkaLink(piece.Connection, isReceiver: true, Sender, Self);
            Add(link = accepted, isReceiver: true);
            new Thread(() => context.Serve(accepted)) { IsBackground = true, Name = "channel over Akka" }.Start();
        }
        link.OnPiece(piece);
    }
}
