namespace DistTrain.Transport;

/// <summary>Which kinds of channel a node may use: what <c>--channel</c> says.</summary>
public enum ChannelChoice
{
    /// <summary>Shared memory on one host, else TCP; over the control plane where no connection can be made.</summary>
    Auto,

    /// <summary>Shared memory only: a node on another host cannot be sent to.</summary>
    SharedMemory,

    /// <summary>TCP, on one host too.</summary>
    Tcp,

    /// <summary>Only over the control plane, for networks that let only its port through.</summary>
    Akka,
}

/// <summary>Reads and writes <see cref="ChannelChoice"/> as the command line does.</summary>
public static class ChannelChoices
{
    /// <summary>Reads <c>auto | shm | tcp | akka</c>.</summary>
    /// <exception cref="UserErrorException">The text is none of them.</exception>
    public static ChannelChoice Parse(string text) => text switch
    {
        "auto" => ChannelChoice.Auto,
        "shm" => ChannelChoice.SharedMemory,
        "tcp" => ChannelChoice.Tcp,
        "akka" => ChannelChoice.Akka,
        _ => throw new UserErrorException($"channel '{text}' is not known; give auto, shm, tcp or akka"),
    };

    /// <summary>The name of a kind as people read it.</summary>
    public static string Name(this Channels.ChannelKind kind) => kind switch
    {
        Channels.ChannelKind.InProcess => "in-process",
        Channels.ChannelKind.SharedMemory => "shared-memory",
        Channels.ChannelKind.Tcp => "tcp",
        _ => "akka",
    };
}
