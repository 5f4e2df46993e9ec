using System.Globalization;
using DistTrain.Tensors;

namespace DistTrain.Coordinator.Checkpoints;

/// <summary>A leaf's error-feedback state after a clock, as a checkpoint keeps it.</summary>
/// <param name="After">The last clock that is in it.</param>
/// <param name="Values">The state; nobody writes to it any more.</param>
public sealed record ResidualState(long After, FloatBuffer Values)
{
    private const string Prefix = "residual.";

    /// <summary>States as a checkpoint's extra tensors: named <c>residual.&lt;leaf&gt;.&lt;clock&gt;</c>.</summary>
    internal static IReadOnlyList<(string Name, FloatBuffer Values)> ToExtra(IReadOnlyDictionary<int, ResidualState> states) =>
        [.. states.OrderBy(state => state.Key).Select(state => (string.Create(CultureInfo.InvariantCulture, $"{Prefix}{state.Key}.{state.Value.After}"), state.Value.Values))];

    /// <summary>The states among a checkpoint's extra tensors.</summary>
    /// <exception cref="UserErrorException">A name is none that <see cref="ToExtra"/> gives.</exception>
    internal static IReadOnlyDictionary<int, ResidualState> FromExtra(IEnumerable<(string Name, FloatBuffer Values)> extra)
    {
        var states = new Dictionary<int, ResidualState>();
        foreach (var (name, values) in extra.Where(tensor => tensor.Name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            string[] parts = name[Prefix.Length..].Split('.');
            if (parts.Length != 2 || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int leaf) || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long after))
                throw new UserErrorException($"the checkpoint's tensor {name} is no residual: expected {Prefix}<leaf>.<step>");
            states[leaf] = new ResidualState(after, values);
        }
        return states;
    }
}
