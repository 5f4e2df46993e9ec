using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using DistTrain.Tests.Data;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>What a command left behind.</summary>
public sealed record CommandResult(int ExitCode, string Output, string Errors)
{
    public IReadOnlyList<string> Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public IReadOnlyList<string> ErrorLines => Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public IReadOnlyList<JsonElement> Events => [.. Lines.Select(line => JsonDocument.Parse(line).RootElement)];

    public JsonElement Last(string name)
    {
        var last = Events[^1];
        Assert.Equal(name, last.GetProperty("event").GetString());
        return last;
    }
}

/// <summary>The real Coordinator in a process and a folder of its own.</summary>
public sealed class CommandProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process process;
    private readonly TaskCompletionSource firstLine = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly StringBuilder output = new();
    private readonly List<(string Text, int Times, TaskCompletionSource Printed)> waiting = [];
    private bool ended;
    private readonly Task outputRead;
    private readonly StringBuilder errors = new();
    private readonly Task errorsRead;

    public CommandProcess(string folder, string arguments, params (string Name, string Value)[] variables) : this("DistTrain.Coordinator.dll", folder, arguments, variables) { }

    private CommandProcess(string program, string folder, string arguments, (string Name, string Value)[] variables)
    {
        // A test runner in the background ignores SIGINT, and its children would inherit that.
        var start = new ProcessStartInfo(OperatingSystem.IsLinux() ? "env" : Dotnet)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        if (OperatingSystem.IsLinux())
        {
            start.ArgumentList.Add("--default-signal=INT");
            start.ArgumentList.Add(Dotnet);
        }
        start.ArgumentList.Add("exec");
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, program));
        foreach (var argument in arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)) start.ArgumentList.Add(argument);
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("DISTTRAIN_", StringComparison.Ordinal)).ToList()) start.Environment.Remove(name);
        foreach (var (name, value) in variables) start.Environment[name] = value;
        process = Process.Start(start)!;
        process.StandardInput.Close();
        errorsRead = ReadAsync(process.StandardError, errors);
        outputRead = ReadAsync(process.StandardOutput, output);
    }

    private static string Dotnet => Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";

    /// <summary>The real Worker.</summary>
    public static CommandProcess Worker(string folder, string arguments, params (string Name, string Value)[] variables) => new("DistTrain.Worker.dll", folder, arguments, variables);

    /// <summary>Runs a command in a folder of its own to its end.</summary>
    public static async Task<CommandResult> RunAsync(string arguments, params (string Name, string Value)[] variables)
    {
        using var folder = new TempFolder();
        return await RunInAsync(folder.Folder, arguments, variables);
    }

    /// <inheritdoc cref="RunAsync"/>
    public static async Task<CommandResult> RunInAsync(string folder, string arguments, params (string Name, string Value)[] variables)
    {
        using var command = new CommandProcess(folder, arguments, variables);
        return await command.EndAsync();
    }

    /// <summary>Waits until the command has printed a line.</summary>
    public Task StartedAsync() => firstLine.Task.WaitAsync(Patience);

    /// <summary>Waits until the command has printed so many lines with a text in them, or has ended.</summary>
    public Task PrintedAsync(string text, int times = 1)
    {
        var printed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (output) waiting.Add((text, times, printed));
        Check();
        return printed.Task.WaitAsync(Patience);
    }

    /// <summary>Waits for a line with a text in it, on either stream; the line.</summary>
    public async Task<string> LineAsync(string text)
    {
        await PrintedAsync(text);
        lock (output) return $"{output}{errors}".Split('\n').FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal)) ?? throw new InvalidOperationException($"ended without '{text}': {output}{errors}");
    }

    /// <summary>The events of a name that it has told so far.</summary>
    public IReadOnlyList<JsonElement> Events(string name)
    {
        string text;
        lock (output) text = output.ToString();
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).Where(told => told.GetProperty("event").GetString() == name)];
    }

    /// <summary>Ends the process as <c>kill -9</c> does, and waits for that.</summary>
    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>Halts the process, or lets it go on.</summary>
    public void Freeze(bool frozen) => Assert.Equal(0, Kill(process.Id, frozen ? 19 : 18));

    /// <summary>Sends a signal.</summary>
    public void Send(PosixSignal signal) => Assert.Equal(0, Kill(process.Id, signal == PosixSignal.SIGINT ? 2 : 15));

    /// <summary>Waits for the end.</summary>
    public async Task<CommandResult> EndAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await outputRead;
            throw new TimeoutException($"the command did not end in {Patience}; it printed: {output} {errors}");
        }
        await outputRead;
        await errorsRead;
        return new CommandResult(process.ExitCode, output.ToString(), errors.ToString());
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.Dispose();
    }

    private async Task ReadAsync(StreamReader from, StringBuilder to)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            lock (output) to.Append(line).Append('\n');
            if (to == output) firstLine.TrySetResult();
            Check();
        }
        if (to != output) return;
        firstLine.TrySetResult();
        lock (output) ended = true;
        Check();
    }

    private void Check()
    {
        lock (output)
        {
            string[] all = $"{output}{errors}".Split('\n');
            foreach (var (text, times, printed) in waiting)
                if (ended || all.Count(line => line.Contains(text, StringComparison.Ordinal)) >= times) printed.TrySetResult();
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int pid, int signal);
}
