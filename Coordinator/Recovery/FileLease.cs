using Akka.Actor;
using Akka.Coordination;

namespace DistTrain.Coordinator.Recovery;

/// <summary>
/// <see cref="LeaseFile"/> as Akka's split-brain resolver wants it. Configured by <c>lease-class</c>, <c>directory</c>, <c>heartbeat-interval</c> and <c>heartbeat-timeout</c>.
/// </summary>
public sealed class FileLease : Lease
{
    private readonly LeaseFile file;
    private readonly TimeSpan interval;
    private Timer? renewal;

    /// <summary>Made by Akka from its configuration.</summary>
    public FileLease(LeaseSettings settings, ExtendedActorSystem system) : base(settings)
    {
        ArgumentNullException.ThrowIfNull(system);
        string folder = settings.LeaseConfig.GetString("directory");
        if (string.IsNullOrEmpty(folder)) throw new UserErrorException("the lease's directory is not set");
        interval = settings.TimeoutSettings.HeartbeatInterval;
        string name = string.Concat(settings.LeaseName.Select(c => char.IsAsciiLetterOrDigit(c) || c == '-' ? c : '_'));
        file = new LeaseFile(Path.Combine(folder, name + ".lease"), settings.OwnerName, settings.TimeoutSettings.HeartbeatTimeout);
    }

    /// <inheritdoc/>
    public override Task<bool> Acquire() => Acquire(null);

    /// <inheritdoc/>
    public override async Task<bool> Acquire(Action<Exception?>? leaseLostCallback)
    {
        // Whether another's lease has expired shows only by watching it for as long as it lasts.
        var end = DateTime.UtcNow + Settings.TimeoutSettings.OperationTimeout;
        while (!file.TryAcquire())
        {
            if (DateTime.UtcNow >= end) return false;
            await Task.Delay(TimeSpan.FromMilliseconds(100)).ConfigureAwait(false);
        }
        renewal?.Dispose();
        renewal = new Timer(_ => Renew(leaseLostCallback), null, interval, interval);
        return true;
    }

    /// <inheritdoc/>
    public override Task<bool> Release()
    {
        renewal?.Dispose();
        file.Release();
        return Task.FromResult(true);
    }

    /// <inheritdoc/>
    public override bool CheckLease() => file.IsHeld();

    private void Renew(Action<Exception?>? lost)
    {
        try
        {
            if (file.Renew()) return;
            renewal?.Dispose();
            lost?.Invoke(null);
        }
        catch (IOException error)
        {
            if (!file.IsHeld()) lost?.Invoke(error);
        }
    }
}
