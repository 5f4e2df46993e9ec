namespace DistTrain.Tests.Coordinator.Standby;

/// <summary>A clock that a test sets. Others may run beside it, a little faster or slower.</summary>
internal sealed class ManualTime(double rate = 1, ManualTime? master = null) : TimeProvider
{
    private long now = 1;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public TimeSpan Elapsed => TimeSpan.FromTicks(now - 1);

    public override long GetTimestamp() => master is null ? now : 1 + (long)(master.Elapsed.Ticks * rate);

    public void Set(TimeSpan elapsed) => now = 1 + elapsed.Ticks;

    public void Advance(TimeSpan by) => now += by.Ticks;
}
