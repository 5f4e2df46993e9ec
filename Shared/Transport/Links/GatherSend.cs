using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace DistTrain.Transport.Links;

/// <summary>Linux's <c>writev</c> on a blocking socket: header, floats and checksum leave in one call, from where they stand.</summary>
internal static unsafe partial class GatherSend
{
    private const int Interrupted = 4;
    private const int TryAgain = 11;

    /// <exception cref="SocketException">The peer is gone, or read nothing for as long as the socket's send time-out.</exception>
    public static void Send(SafeSocketHandle socket, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third)
    {
        fixed (byte* a = first, b = second, c = third)
        {
            var parts = stackalloc Part[3];
            parts[0] = new Part { Start = a, Length = (nuint)first.Length };
            parts[1] = new Part { Start = b, Length = (nuint)second.Length };
            parts[2] = new Part { Start = c, Length = (nuint)third.Length };
            for (int next = 0; next < 3;)
            {
                if (parts[next].Length == 0)
                {
                    next++;
                    continue;
                }
                nint sent = Write(socket, parts + next, 3 - next);
                if (sent < 0)
                {
                    int error = Marshal.GetLastPInvokeError();
                    if (error == Interrupted) continue;
                    throw new SocketException((int)(error == TryAgain ? SocketError.TimedOut : SocketError.ConnectionReset));
                }
                for (nuint left = (nuint)sent; left > 0;)
                {
                    nuint part = nuint.Min(left, parts[next].Length);
                    parts[next].Start += part;
                    parts[next].Length -= part;
                    left -= part;
                    if (parts[next].Length == 0) next++;
                }
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "writev", SetLastError = true)]
    private static partial nint Write(SafeSocketHandle socket, Part* parts, int count);

    private struct Part
    {
        public byte* Start;
        public nuint Length;
    }
}
