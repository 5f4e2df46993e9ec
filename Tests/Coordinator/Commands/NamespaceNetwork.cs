using System.Diagnostics;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Machines made of network namespaces: each has an interface of its own, all hang on one bridge or, while they are apart, on two.</summary>
internal sealed class NamespaceNetwork : IDisposable
{
    private readonly string prefix = $"dt{Environment.ProcessId % 100000:x}{Random.Shared.Next(0x1000):x}";
    private readonly int count;

    public NamespaceNetwork(int count)
    {
        this.count = count;
        try
        {
            Run("ip", $"netns add {Hub}");
            foreach (string bridge in (string[])["one", "two"])
            {
                Run("ip", $"-n {Hub} link add {bridge} type bridge");
                Run("ip", $"-n {Hub} link set {bridge} up");
            }
            for (int i = 0; i < count; i++)
            {
                Run("ip", $"netns add {Name(i)}");
                Run("ip", $"-n {Hub} link add v{i} type veth peer name eth0 netns {Name(i)}");
                Run("ip", $"-n {Hub} link set v{i} master one up");
                Run("ip", $"-n {Name(i)} addr add {Address(i)}/24 dev eth0");
                Run("ip", $"-n {Name(i)} link set eth0 up");
                Run("ip", $"-n {Name(i)} link set lo up");
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private string Hub => prefix + "h";

    /// <summary>Why this machine cannot have such a network; null where it can.</summary>
    public static string? Missing()
    {
        if (!OperatingSystem.IsLinux()) return "network namespaces are Linux's";
        try
        {
            using var probe = new NamespaceNetwork(1);
            Run("ip", $"netns exec {probe.Name(0)} true");
            return null;
        }
        catch (Exception error) when (error is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return $"network namespaces cannot be made here: {error.Message}";
        }
    }

    /// <summary>Why packets cannot be lost here; null where they can.</summary>
    public static string? LossMissing()
    {
        if (Missing() is { } reason) return reason;
        try
        {
            using var probe = new NamespaceNetwork(1);
            probe.Lose(0, 1);
            return null;
        }
        catch (Exception error) when (error is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return $"nft cannot drop packets here: {error.Message}";
        }
    }

    /// <summary>The namespace of a machine.</summary>
    public string Name(int machine) => $"{prefix}n{machine}";

    /// <summary>The address of a machine.</summary>
    public static string Address(int machine) => $"10.213.77.{machine + 1}";

    /// <summary>Cuts some machines off from the others; they still reach each other.</summary>
    public void Part(params int[] machines) => Move(machines, "two");

    /// <summary>All reach each other again.</summary>
    public void Heal() => Move(Enumerable.Range(0, count), "one");

    /// <summary>Drops so many percent of the packets that reach a machine.</summary>
    public void Lose(int machine, int percent)
    {
        Run("ip", $"netns exec {Name(machine)} nft add table inet loss");
        Run("ip", $"netns exec {Name(machine)} nft add chain inet loss input {{ type filter hook input priority 0 ; }}");
        Run("ip", $"netns exec {Name(machine)} nft add rule inet loss input numgen random mod 100 < {percent} drop");
    }

    public void Dispose()
    {
        foreach (string name in Enumerable.Range(0, count).Select(Name).Append(Hub))
        {
            try
            {
                Run("ip", $"netns del {name}");
            }
            catch (InvalidOperationException)
            {
                // It was never made.
            }
        }
    }

    private void Move(IEnumerable<int> machines, string bridge)
    {
        foreach (int machine in machines) Run("ip", $"-n {Hub} link set v{machine} master {bridge}");
    }

    private static void Run(string program, string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {arguments}: {errors.Trim()}");
    }
}
