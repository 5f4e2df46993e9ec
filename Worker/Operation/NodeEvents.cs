using Microsoft.Extensions.Logging;

namespace DistTrain.Worker.Operation;

/// <summary>The lines of a node's log. Numbers stay what they are: people filter by them.</summary>
internal static partial class NodeEvents
{
    /// <summary>A line without fields.</summary>
    [LoggerMessage(1, LogLevel.Information, "{Text}")]
    public static partial void Said(this ILogger log, string text);

    /// <inheritdoc cref="Said"/>
    [LoggerMessage(2, LogLevel.Warning, "{Text}")]
    public static partial void Warning(this ILogger log, string text);

    /// <inheritdoc cref="Said"/>
    [LoggerMessage(3, LogLevel.Error, "{Text}")]
    public static partial void Error(this ILogger log, string text);
}
