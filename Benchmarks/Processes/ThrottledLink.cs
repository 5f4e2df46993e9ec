using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace DistTrain.Benchmarks.Processes;

/// <summary>Two network namespaces with a link of a given rate between them, both ways at once; removed on disposal. Needs root, ip and tc.</summary>
internal sealed class ThrottledLink : IDisposable
{
    private const int PayloadOfFrame = 1448, BytesOfFrame = 1514;

    private readonly string name = $"dt{Environment.ProcessId}";
    private readonly PosixSignalRegistration[] ends;

    /// <summary>Makes them.</summary>
    /// <param name="megabits">The rate each way, in Mbit/s.</param>
    /// <exception cref="InvalidOperationException">A command failed; the message says which.</exception>
    public ThrottledLink(int megabits)
    {
        // What TCP carries of the rate: 1,448 bytes in each frame of 1,514.
        BytesPerSecond = megabits * 1e6 / 8 * PayloadOfFrame / BytesOfFrame;
        // Namespaces outlive a process: one that is told to end takes them along. The default action, ending, follows.
        ends = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, _ => Remove()))];
        try
        {
            Ip($"netns add {Coordinator}");
            Ip($"netns add {Workers}");
            Ip($"link add {name}c netns {Coordinator} type veth peer name {name}w netns {Workers}");
            foreach (var (space, device, host) in new[] { (Coordinator, $"{name}c", CoordinatorHost), (Workers, $"{name}w", WorkersHost) })
            {
                Ip($"-n {space} address add {host}/24 dev {device}");
                Ip($"-n {space} link set {device} up");
                Ip($"-n {space} link set lo up");
                Run("tc", $"-n {space} qdisc add dev {device} root tbf rate {megabits.ToString(CultureInfo.InvariantCulture)}mbit burst 128kb latency 50ms");
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What makes this impossible here; null for nothing.</summary>
    public static string? Obstacle => !OperatingSystem.IsLinux() ? "needs Linux" : Environment.UserName != "root" ? "needs root, to make network namespaces" : Find("ip") is null || Find("tc") is null ? "needs ip and tc (iproute2)" : null;

    /// <summary>The coordinator's namespace.</summary>
    public string Coordinator => name + "-c";

    /// <summary>The workers' namespace.</summary>
    public string Workers => name + "-w";

    /// <summary>The coordinator's address.</summary>
    public string CoordinatorHost => "10.213.77.1";

    /// <summary>The workers' address.</summary>
    public string WorkersHost => "10.213.77.2";

    /// <summary>Bytes per second that TCP carries each way at most.</summary>
    public double BytesPerSecond { get; }

    public void Dispose()
    {
        foreach (var end in ends) end.Dispose();
        Remove();
    }

    private void Remove()
    {
        foreach (string space in (string[])[Coordinator, Workers]) Start("ip", $"netns delete {space}").WaitForExit();
    }

    /// <summary>Where a program is: system tools need not be in the path.</summary>
    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Append("/sbin").Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static void Ip(string arguments) => Run("ip", arguments);

    private static void Run(string program, string arguments)
    {
        using var process = Start(program, arguments);
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {arguments}: {error.Trim()}");
    }

    private static Process Start(string program, string arguments) => Process.Start(new ProcessStartInfo(Find(program) ?? program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
}
