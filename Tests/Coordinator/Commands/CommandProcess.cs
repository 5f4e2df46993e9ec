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
    private readonly List<Wait> waiting = [];
    private bool ended;
    private readonly Task outputRead;
    private readonly StringBuilder errors = new();
    private readonly Task errorsRead;

    public CommandProcess(string folder, string arguments, params (string Name, string Value)[] variables) : this("DistTrain.Coordinator.dll", folder, arguments, null, variables) { }

    private CommandProcess(string program, string folder, string arguments, string? network, (string Name, string Value)[] variables)
    {
        // A test runner in the background ignores SIGINT, and its children would inherit that.
        var start = new ProcessStartInfo(network is not null ? "ip" : OperatingSystem.IsLinux() ? "env" : Dotnet)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        // Both replace themselves by what they start, so signals reach the program itself.
        foreach (string word in network is null ? (string[])[] : ["netns", "exec", network, "env"]) start.ArgumentList.Add(word);
        if (OperatingSystem.IsLinux())
        {
            start.ArgumentList.Add("--default-signal=INT");
            start.ArgumentList.Add(Dotnet);
        }
        start.ArgumentList.Add("exec");
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, program));
        foreach (var argument in arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)) start.ArgumentList.Add(argument);
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("DISTTRAIN_", StringComparison.Ordinal)).ToList()) start.Environment.Remove(name);
        // Instrumented code pays for itself in processes that live longer than these.
        start.Environment["DOTNET_TieredPGO"] = "0";
        foreach (var (name, value) in variables) start.Environment[name] = value;
        process = Process.Start(start)!;
        process.StandardInput.Close();
        errorsRead = ReadAsync(process.StandardError, errors);
        outputRead = ReadAsync(process.StandardOutput, output);
    }

    /// <summary>The program that runs the others.</summary>
    internal static string Dotnet => Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";

    /// <summary>The real Worker.</summary>
    public static CommandProcess Worker(string folder, string arguments, params (string Name, string Value)[] variables) => new("DistTrain.Worker.dll", folder, arguments, null, variables);

    /// <summary>The real Coordinator or Worker in a network namespace.</summary>
    /// <param name="network">The namespace's name.</param>
    /// <param name="program">Coordinator or Worker.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="arguments">Its arguments.</param>
    public static CommandProcess Within(string network, string program, string folder, string arguments) => new($"DistTrain.{program}.dll", folder, arguments, network, []);

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
    public async Task PrintedAsync(string text, int times = 1)
    {
        var wait = new Wait(text, times);
        lock (output)
        {
            foreach (string line in $"{output}{errors}".Split('\n')) wait.See(line);
            if (ended) wait.Printed.TrySetResult();
            waiting.Add(wait);
        }
        try
        {
            await wait.Printed.Task.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            lock (output) throw new TimeoutException($"the command did not print '{text}' {times} times in {Patience}; it printed: {string.Join('\n', $"{output}{errors}".Split('\n').Where(line => !line.Contains("\"event\":\"step\"", StringComparison.Ordinal)))}");
        }
    }

    /// <summary>How many lines so far have a text in them.</summary>
    public int Count(string text)
    {
        lock (output) return $"{output}{errors}".Split('\n').Count(line => line.Contains(text, StringComparison.Ordinal));
    }

    /// <summary>The process id.</summary>
    public int Id => process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => process.HasExited;

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
    /// <param name="most">How long at most; null for two minutes.</param>
    public async Task<CommandResult> EndAsync(TimeSpan? most = null)
    {
        using var patience = new CancellationTokenSource(most ?? Patience);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await outputRead;
            throw new TimeoutException($"the command did not end in {most ?? Patience}; it printed: {output} {errors}");
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
            lock (output)
            {
                to.Append(line).Append('\n');
                foreach (var wait in waiting) wait.See(line);
            }
            if (to == output) firstLine.TrySetResult();
        }
        if (to != output) return;
        firstLine.TrySetResult();
        lock (output)
        {
            ended = true;
            foreach (var wait in waiting) wait.Printed.TrySetResult();
        }
    }

    /// <summary>Somebody who waits until so many lines have a text in them.</summary>
    private sealed class Wait(string text, int times)
    {
        private int seen;

        public TaskCompletionSource Printed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void See(string line)
        {
            if (line.Contains(text, StringComparison.Ordinal) && ++seen >= times) Printed.TrySetResult();
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int pid, int signal);
}
