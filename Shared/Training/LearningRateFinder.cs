using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>A rate that was tried.</summary>
/// <param name="Rate">The learning rate.</param>
/// <param name="Loss">The training loss of its step.</param>
/// <param name="Smooth">That loss, smoothed over the steps around it.</param>
public readonly record struct RateTrial(double Rate, double Loss, double Smooth);

/// <summary>
/// Finds a learning rate by training with one that grows from step to step, as Smith's range test (arXiv:1506.01186): where the loss falls fastest is a good rate, some way before it runs away. The loss is
/// smoothed by a mean over the steps on both sides, which, unlike a running mean, does not lag behind; the steepest fall over the logarithm of the rate is suggested.
/// </summary>
public static class LearningRateFinder
{
    /// <summary>Of the running mean that tells when to end.</summary>
    private const double Weight = 0.9;

    /// <summary>The loss has run away when it is so many times the lowest; one that goes below zero, when it has risen by one less times what it fell by.</summary>
    private const double Diverged = 4;

    private const int Skipped = 10;

    /// <summary>Tries rates.</summary>
    /// <param name="job">The job; its schedule and its number of epochs do not matter.</param>
    /// <param name="lowest">The first rate, above 0.</param>
    /// <param name="highest">The last rate, above the first.</param>
    /// <param name="steps">Steps, each with a rate of its own, 20 or more.</param>
    /// <param name="tried">Told of each.</param>
    /// <param name="stop">Ends the search.</param>
    /// <exception cref="UserErrorException">A number is out of range.</exception>
    public static IReadOnlyList<RateTrial> Run(TrainingJob job, double lowest, double highest, int steps, Action<RateTrial>? tried = null, CancellationToken stop = default)
    {
        if (!(lowest > 0) || !(highest > lowest) || double.IsInfinity(highest)) throw new UserErrorException(FormattableString.Invariant($"learning rates from {lowest} to {highest} were asked for, expected more than 0 and a higher last one"));
        if (steps < 2 * Skipped) throw new UserErrorException($"{steps} steps were asked for, expected {2 * Skipped} or more");
        double grow = Math.Log(highest / lowest) / (steps - 1);
        using var trainer = new Trainer(job with
        {
            LearningRate = 1,
            Schedule = new LambdaLR(step => lowest * Math.Exp(grow * step)),
            ScheduleByEpoch = false,
            Plateau = null,
            EarlyStop = null,
            Epochs = (int)Math.Min(int.MaxValue, steps),
            MaxSteps = steps,
        });
        var trials = new List<RateTrial>(steps);
        double mean = 0, first = double.NaN, best = double.PositiveInfinity, least = double.PositiveInfinity;
        while (trainer.Step < trainer.Plan.TotalSteps && !stop.IsCancellationRequested)
        {
            double rate = trainer.LearningRate;
            var sum = new MetricSum();
            try
            {
                foreach (var piece in trainer.TrainStep()) sum.Add(piece);
            }
            catch (NonFiniteGradientException)
            {
                // It has run away; nothing is learned from such a step or any after it.
                break;
            }
            if (!double.IsFinite(sum.Loss)) break;
            mean = Weight * mean + (1 - Weight) * sum.Loss;
            double smooth = mean / (1 - Math.Pow(Weight, trainer.Step));
            var trial = new RateTrial(rate, sum.Loss, smooth);
            trials.Add(trial);
            tried?.Invoke(trial);
            if (trials.Count == 1) first = smooth;
            (best, least) = (Math.Min(best, smooth), Math.Min(least, sum.Loss));
            double most = least > 0 ? Diverged * best : best + (Diverged - 1) * Math.Max(first - best, Math.Abs(best));
            if (trials.Count > Skipped && smooth > most) break;
        }
        return Smoothed(trials);
    }

    /// <summary>A mean whose weights fall off evenly to both sides.</summary>
    private static RateTrial[] Smoothed(List<RateTrial> trials)
    {
        int reach = Math.Max(2, trials.Count / 30);
        var smooth = new RateTrial[trials.Count];
        for (int i = 0; i < smooth.Length; i++)
        {
            double sum = 0, weights = 0;
            for (int j = Math.Max(0, i - reach); j <= Math.Min(trials.Count - 1, i + reach); j++)
            {
                double weight = reach + 1 - Math.Abs(i - j);
                sum += weight * trials[j].Loss;
                weights += weight;
            }
            smooth[i] = trials[i] with { Smooth = sum / weights };
        }
        return smooth;
    }

    /// <summary>The rate at which the smoothed loss falls fastest before its lowest point; null where it never falls.</summary>
    public static double? Suggest(IReadOnlyList<RateTrial> trials)
    {
        int lowest = 0;
        for (int i = 1; i < trials.Count; i++)
            if (trials[i].Smooth < trials[lowest].Smooth) lowest = i;
        int steepest = -1;
        double slope = 0;
        for (int i = Skipped; i < lowest; i++)
        {
            double fall = trials[i + 1].Smooth - trials[i - 1].Smooth;
            if (fall < slope) (slope, steepest) = (fall, i);
        }
        return steepest < 0 ? null : trials[steepest].Rate;
    }
}
