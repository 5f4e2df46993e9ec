using System.Globalization;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>
/// Tells, once, when the last worker that was added makes the job slower, and which setting would help. After the first steps it knows how long a step takes, how long each worker computes in it, and what a step sends; what a step takes
/// beyond the slowest worker's computing is the exchange, and its bytes by that time are the link's speed. With one worker fewer the same work is shared by fewer, and the exchange has fewer to serve.
/// </summary>
/// <param name="traffic">What a step sends with so many workers, now.</param>
/// <param name="compressed">What it would send under <see cref="Compressed"/>; null where the codecs are in use already.</param>
public sealed class SpeedAdvisor(Func<int, Traffic> traffic, Func<int, Traffic>? compressed)
{
    /// <summary>The codecs that are proposed first.</summary>
    public const string Compressed = "--codec int8 --weights-codec bf16";

    /// <summary>The same as specs.</summary>
    public static (CodecSpec Gradients, CodecSpec Weights) CompressedCodecs { get; } = (new(CodecKind.Int8), new(CodecKind.Bf16));

    private const int WarmUpSteps = 20, MeasuredSteps = 30, LocalSteps = 16, Accumulate = 4;

    // Less than this is noise.
    private const double Margin = 1.05;

    // Nobody computes for days; what a node claims is checked.
    private const double MostMilliseconds = 1e9;

    private static readonly TimeSpan LeastTime = TimeSpan.FromSeconds(3);

    private readonly Dictionary<WorkerId, double> computing = [];
    private TimeSpan began;
    private int steps;
    private bool said;

    /// <summary>Workers came or went: what was measured no longer holds.</summary>
    public void Changed()
    {
        computing.Clear();
        steps = 0;
    }

    /// <summary>A worker says how long it computed for a step, on average, of late.</summary>
    public void Computed(WorkerId worker, double milliseconds)
    {
        // What is just-in-time compiled in the first steps takes longer.
        if (milliseconds is > 0 and < MostMilliseconds && steps >= WarmUpSteps) computing[worker] = milliseconds / 1e3;
    }

    /// <summary>A step is in the weights; what to tell the user of it, if anything.</summary>
    /// <param name="now">The time spent training, evaluations left out.</param>
    /// <param name="workers">Workers that own shards.</param>
    public RunEvent.Warning? StepDone(TimeSpan now, int workers)
    {
        if (said || workers < 2) return null;
        if (++steps <= WarmUpSteps) began = now;
        if (steps < WarmUpSteps + MeasuredSteps || now - began < LeastTime || computing.Count < workers) return null;
        double perStep = (now - began).TotalSeconds / (steps - WarmUpSteps);
        // Measured again and again: a link may become slow later.
        (steps, began) = (WarmUpSteps, now);
        var warning = Judge(perStep, [.. computing.Values], workers);
        said = warning is not null;
        return warning;
    }

    /// <summary>What follows from one measurement.</summary>
    /// <param name="perStep">Seconds of a step.</param>
    /// <param name="computing">Seconds that each worker computes in it.</param>
    /// <param name="workers">How many workers there are, 2 or more.</param>
    internal RunEvent.Warning? Judge(double perStep, IReadOnlyList<double> computing, int workers)
    {
        double slowest = computing.Max(), exchange = perStep - slowest;
        if (exchange <= 0) return null;
        var now = traffic(workers);
        double fewer = computing.Sum() / (workers - 1) + exchange * traffic(workers - 1).BytesPerStep / now.BytesPerStep;
        if (perStep < fewer * Margin) return null;
        var (setting, gain) = Best(perStep, slowest, exchange, now, workers);
        string text = string.Create(
            CultureInfo.InvariantCulture,
            $"{workers} workers are slower than {workers - 1} would be: a step takes {perStep * 1e3:F1} ms, of which they compute {slowest * 1e3:F1} ms; {now.BytesPerStep:N0} bytes a step travel at {now.BytesPerStep / exchange / 1e6:F0} MB/s; {setting} would be about {gain:F1} times as fast");
        return new RunEvent.Warning(text, setting, Math.Round(gain, 2));
    }

    /// <summary>The setting that changes least and brings the exchange below the computing; else the one that gains most.</summary>
    private (string Setting, double Gain) Best(double perStep, double slowest, double exchange, Traffic now, int workers)
    {
        var choices = new List<(string Setting, double Exchange)>();
        if (compressed is not null) choices.Add((Compressed, exchange * compressed(workers).BytesPerStep / now.BytesPerStep));
        choices.Add(($"--accumulate {Accumulate}", exchange / Accumulate));
        choices.Add(($"--consistency local:{LocalSteps}", exchange / LocalSteps));
        int chosen = choices.FindIndex(choice => choice.Exchange < slowest);
        var (setting, left) = choices[chosen < 0 ? choices.Count - 1 : chosen];
        return (setting, perStep / (slowest + left));
    }
}
