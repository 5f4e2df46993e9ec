using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using DistTrain.Transport.Channels;
using DistTrain.Transport.Links;

namespace DistTrain.Tests.Transport;

/// <summary>What a receiver keeps of senders that come and go.</summary>
public sealed class ChannelMemoryTests
{
    [Theory]
    [InlineData(ChannelKind.Tcp)]
    [InlineData(ChannelKind.SharedMemory)]
    public void A_connection_that_has_ended_is_not_kept(ChannelKind kind)
    {
        using var pair = new Pair();
        pair.Send(0, 0, pair.Gradient(1));
        pair.Take().Lease!.Dispose();
        WeakReference[] links = [.. Enumerable.Range(0, 20).Select(_ => ComeAndGo(pair, kind))];
        Assert.True(SpinWait.SpinUntil(() => AllCollected(links), TimeSpan.FromSeconds(20)), $"{links.Count(link => link.IsAlive)} of {links.Length} connections are kept");
    }

    /// <summary>A sender that opens a connection of a session of its own, and is gone.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference ComeAndGo(Pair pair, ChannelKind kind)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(listener.LocalEndpoint);
        var accepted = new SocketLink(listener.AcceptSocket());
        var opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var serving = new Thread(() => pair.Context.Serve(accepted, (_, _) => opened.SetResult()));
        serving.Start();
        using (pair.Context.Connect(new SocketLink(socket), Guid.NewGuid(), kind, new byte[32]).Link) Assert.True(opened.Task.Wait(TimeSpan.FromSeconds(20)));
        Assert.True(serving.Join(TimeSpan.FromSeconds(20)));
        return new WeakReference(accepted);
    }

    private static bool AllCollected(WeakReference[] links)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return !links.Any(link => link.IsAlive);
    }
}
