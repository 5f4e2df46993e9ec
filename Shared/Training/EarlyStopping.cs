namespace DistTrain.Training;

/// <summary>Ends a run after epochs that were no better, and says what better is; see <see href="https://keras.io/api/callbacks/early_stopping/">Keras's EarlyStopping</see>.</summary>
/// <param name="Metric">What is watched: <c>loss</c> (of the test split, or without one of training), <c>train-loss</c>, or a metric of <see cref="MetricCatalog"/>.</param>
/// <param name="Patience">Epochs in a row that may be no better, 1 or more; null to watch and never end.</param>
/// <param name="MinDelta">How much better counts as better, 0 or more.</param>
public sealed record EarlyStopping(string Metric = "loss", int? Patience = null, double MinDelta = 0)
{
    /// <summary>What options ask for; null for nothing.</summary>
    /// <exception cref="UserErrorException">They do not go together.</exception>
    public static EarlyStopping? Of(JobOptions options)
    {
        if (options is { EarlyStopMinDelta: > 0, EarlyStopPatience: null }) throw new UserErrorException(FormattableString.Invariant($"early-stop-min-delta was {options.EarlyStopMinDelta}, but without early-stop-patience nothing stops early"));
        return options is { EarlyStopPatience: null, EarlyStopMetric: "loss" } ? null : new EarlyStopping(options.EarlyStopMetric, options.EarlyStopPatience, options.EarlyStopMinDelta);
    }

    /// <summary>Checks the options.</summary>
    /// <exception cref="ArgumentException">One is out of range.</exception>
    public void Check()
    {
        if (Patience < 1) throw new ArgumentException($"early stop: the patience was {Patience}, expected 1 or more epochs");
        if (!(MinDelta >= 0) || double.IsInfinity(MinDelta)) throw new ArgumentException(FormattableString.Invariant($"early stop: the least improvement was {MinDelta}, expected a finite number of 0 or more"));
    }
}
