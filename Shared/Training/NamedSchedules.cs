using System.Globalization;
using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>The learning-rate schedules that options and job files call by name; they fill the steps of the job.</summary>
public static class NamedSchedules
{
    /// <summary>How a schedule is written.</summary>
    public const string Usage = "constant, cosine, linear, polynomial:<power>, exponential:<gamma>, step:<steps>:<gamma>, onecycle or plateau[:<factor>[:<patience>]]";

    /// <summary>Makes a schedule.</summary>
    /// <param name="text">As <see cref="Usage"/> says.</param>
    /// <param name="totalSteps">Steps of the whole job, warm-up included; its epochs for a schedule that counts them.</param>
    /// <param name="warmupSteps">Steps in which the rate rises first, 0 or more.</param>
    /// <param name="learningRate">The rate that warm-up rises to.</param>
    /// <param name="minRate">The rate that cosine and linear fall to at the end, 0 or more.</param>
    /// <param name="given">A schedule in place of the text's; null for none.</param>
    /// <returns>The schedule; null for a constant rate without warm-up.</returns>
    /// <exception cref="UserErrorException">The text says no schedule, or numbers do not fit.</exception>
    public static Schedule? Make(string text, long totalSteps, long warmupSteps, double learningRate, double minRate, Schedule? given = null)
    {
        if (warmupSteps < 0 || (warmupSteps >= totalSteps && totalSteps > 0)) throw new UserErrorException($"warm-up steps was {warmupSteps}, expected 0 or more and fewer than the job's {totalSteps} steps");
        if (!(minRate >= 0 && minRate <= Math.Max(learningRate, 0))) throw new UserErrorException(FormattableString.Invariant($"the lowest learning rate was {minRate}, expected 0 to the learning rate {learningRate}"));
        long steps = Math.Max(1, totalSteps - warmupSteps);
        string[] parts = text.Split(':');
        double[] numbers = [.. parts.Skip(1).Select(part => Number(text, part))];
        Schedule? schedule = given ?? (parts[0], numbers) switch
        {
            ("constant", []) => null,
            ("cosine", []) => new CosineAnnealingLR(steps, minRate),
            ("linear", []) => new LinearLR(1, learningRate > 0 ? minRate / learningRate : 0, steps),
            ("polynomial", [var power]) => new PolynomialLR(steps, power),
            ("exponential", [var gamma]) => new ExponentialLR(gamma),
            ("step", [var size, var gamma]) when size == Math.Floor(size) && size < long.MaxValue => new StepLR((long)size, gamma),
            ("onecycle", []) => new OneCycleLR(learningRate, steps),
            ("plateau", [] or [_] or [_, _]) => null,
            _ => throw new UserErrorException($"schedule was '{text}', expected {Usage}"),
        };
        try
        {
            schedule?.Check();
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException($"schedule '{text}': {error.Message}", error);
        }
        return warmupSteps > 0 ? new Warmup(warmupSteps, schedule) : schedule;
    }

    /// <summary>What lowers the rate where epochs no longer get better: ReduceLROnPlateau on the test loss; null for other schedules.</summary>
    /// <param name="text">As <see cref="Usage"/> says; the factor is 0.1 and the patience 10 epochs where they are not given.</param>
    /// <param name="learningRate">The rate that is lowered.</param>
    /// <param name="minRate">The lowest rate.</param>
    /// <exception cref="UserErrorException">A number is out of range.</exception>
    public static ReduceLROnPlateau? Plateau(string text, double learningRate, double minRate)
    {
        string[] parts = text.Split(':');
        if (parts[0] != "plateau") return null;
        double[] numbers = [.. parts.Skip(1).Select(part => Number(text, part))];
        var usual = new ReduceLROnPlateau();
        double patience = numbers is [_, var given] ? given : usual.Patience;
        if (patience != Math.Floor(patience) || patience is < 0 or > 1e6) throw new UserErrorException(FormattableString.Invariant($"schedule '{text}': the patience was {patience}, expected a whole number of epochs"));
        var plateau = usual with { Factor = numbers is [var factor, ..] ? factor : usual.Factor, Patience = (int)patience, MinRate = learningRate > 0 ? minRate / learningRate : 0 };
        try
        {
            plateau.Check();
            return plateau;
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException($"schedule '{text}': {error.Message}", error);
        }
    }

    private static double Number(string text, string part) =>
        double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : throw new UserErrorException($"schedule was '{text}': {part} is no number; expected {Usage}");
}
