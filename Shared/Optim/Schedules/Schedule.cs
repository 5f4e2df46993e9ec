namespace DistTrain.Optim;

/// <summary>
/// How the learning rate changes: a pure function of the step, with PyTorch's names, defaults and figures. A step may also mean an epoch. Nothing is remembered, so a run that goes on
/// from a checkpoint, or on another machine, has the same rates to the last bit.
/// </summary>
public abstract record Schedule
{
    /// <summary>The rate of a step.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="baseRate">The learning rate that the schedule starts from or aims at.</param>
    public abstract double RateAt(long step, double baseRate);

    /// <summary>Checks the schedule's options.</summary>
    /// <exception cref="ArgumentException">One is out of range; the message names the schedule and the option.</exception>
    public abstract void Check();

    private protected void Require(bool condition, string option, object value, string expected)
    {
        if (!condition) throw new ArgumentException($"{GetType().Name}: {option} was {value}, expected {expected}");
    }

    private protected void RequirePositive(long value, string option) => Require(value > 0, option, value, "1 or more");

    private protected void RequireRate(double value, string option) => Require(value >= 0 && double.IsFinite(value), option, value, "a finite number of 0 or more");
}
