using System.Diagnostics;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Commands on file systems that only they see.</summary>
internal static class OwnMounts
{
    /// <summary>The real Coordinator, as a script starts it.</summary>
    public static string Coordinator(string arguments) => $"'{CommandProcess.Dotnet}' exec '{Path.Combine(AppContext.BaseDirectory, "DistTrain.Coordinator.dll")}' {arguments}";

    /// <summary>Runs a script with mounts of its own in a folder; the test is skipped where nothing can be mounted.</summary>
    public static async Task<(int ExitCode, string Output, IReadOnlyList<string> Errors)> RunAsync(string folder, string script)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "file systems are mounted on Linux only");
        var allowed = await UnshareAsync(folder, "mount -t tmpfs none .");
        Skip.If(allowed.ExitCode != 0, $"file systems cannot be mounted here: {string.Join(' ', allowed.Errors)}");
        return await UnshareAsync(folder, script);
    }

    private static async Task<(int ExitCode, string Output, IReadOnlyList<string> Errors)> UnshareAsync(string folder, string script)
    {
        try
        {
            var start = new ProcessStartInfo("unshare", ["-m", "sh", "-c", script]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder };
            foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("DISTTRAIN_", StringComparison.Ordinal)).ToList()) start.Environment.Remove(name);
            using var process = Process.Start(start)!;
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            await process.WaitForExitAsync(patience.Token);
            return (process.ExitCode, await output, (await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new SkipException("unshare is not installed");
        }
    }
}
