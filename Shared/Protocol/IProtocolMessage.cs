namespace DistTrain.Protocol;

/// <summary>
/// Marks what may travel between nodes. Everything that carries it has a short manifest in <see cref="ProtocolManifest"/>; nothing else is ever
/// written to or read from the wire.
/// </summary>
public interface IProtocolMessage;
