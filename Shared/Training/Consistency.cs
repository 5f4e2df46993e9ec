using System.Globalization;

namespace DistTrain.Training;

/// <summary>How far workers may run apart: one setting of a job.</summary>
public abstract record Consistency
{
    private Consistency() { }

    /// <summary>Every step waits for all pieces (bulk synchronous); the default.</summary>
    public sealed record Bsp : Consistency
    {
        /// <inheritdoc/>
        public override string ToString() => "bsp";
    }

    /// <summary>A worker may compute step c on any version from c − <paramref name="Staleness"/> on; the server still applies the steps in order, each once all of its pieces are in.</summary>
    public sealed record Ssp(int Staleness) : Consistency
    {
        /// <inheritdoc/>
        public override string ToString() => $"ssp:{Staleness}";
    }

    /// <summary>Every piece is a step of its own, applied as it comes, with the learning rate times its share of the batch.</summary>
    /// <param name="ScaleByStaleness">Divides the rate by 1 + the piece's staleness.</param>
    public sealed record Async(bool ScaleByStaleness = false) : Consistency
    {
        /// <inheritdoc/>
        public override string ToString() => ScaleByStaleness ? "async:scaled" : "async";
    }

    /// <summary>Each shard takes <paramref name="Steps"/> steps by itself; then the average change goes through an outer Nesterov optimizer (DiLoCo, arXiv:2311.08105).</summary>
    public sealed record Local(int Steps) : Consistency
    {
        /// <inheritdoc/>
        public override string ToString() => $"local:{Steps}";
    }

    /// <summary>The default: <see cref="Bsp"/>.</summary>
    public static Consistency Default { get; } = new Bsp();

    /// <summary>How many versions a worker may lag behind the step it computes.</summary>
    public int StalenessBound => this is Ssp ssp ? ssp.Staleness : 0;

    /// <summary>Reads <c>bsp</c>, <c>ssp:s</c> (s ≥ 0), <c>async</c>, <c>async:scaled</c> or <c>local:H</c> (H ≥ 1).</summary>
    /// <exception cref="UserErrorException">The text is none of these.</exception>
    public static Consistency Parse(string text) => text.Split(':') switch
    {
        ["bsp"] => new Bsp(),
        ["ssp", var s] when Number(s, 0) is { } staleness => new Ssp(staleness),
        ["async"] => new Async(),
        ["async", "scaled"] => new Async(true),
        ["local", var h] when Number(h, 1) is { } steps => new Local(steps),
        _ => throw new UserErrorException($"consistency: '{text}' is not known, give bsp, ssp:<0 to 1000>, async, async:scaled or local:<1 to 1000>"),
    };

    private static int? Number(string text, int least) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value <= 1000 ? value : null;
}
