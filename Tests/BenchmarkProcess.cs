using System.Diagnostics;

namespace DistTrain.Tests;

/// <summary>A command of the benchmarks' program, in a process of its own.</summary>
internal static class BenchmarkProcess
{
    /// <summary>Runs it to its end; gives its exit code, its lines and what it wrote on stderr.</summary>
    /// <param name="patience">It is ended after that long, and the test fails.</param>
    /// <param name="arguments">The command and its arguments.</param>
    /// <param name="variables">Environment variables.</param>
    public static async Task<(int Code, string[] Lines, string Error)> RunAsync(TimeSpan patience, string[] arguments, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet")
        {
            ArgumentList = { "exec", Path.Combine(AppContext.BaseDirectory, "Benchmarks.dll") },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        foreach (var (name, value) in variables) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        try
        {
            var error = process.StandardError.ReadToEndAsync();
            string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(patience);
            await process.WaitForExitAsync().WaitAsync(patience);
            return (process.ExitCode, output.Split('\n', StringSplitOptions.RemoveEmptyEntries), await error);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>The lines of a command that ends well.</summary>
    public static async Task<string[]> LinesAsync(string[] arguments, params (string Name, string Value)[] variables)
    {
        var (code, lines, error) = await RunAsync(TimeSpan.FromMinutes(3), arguments, variables);
        Assert.True(code == 0, error);
        return lines;
    }
}
