using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;

namespace DistTrain.Benchmarks.Processes;

/// <summary>A program of this project in a process of its own, its lines as they come.</summary>
internal sealed class Child : IDisposable
{
    private readonly Process process;
    private readonly Channel<(long Time, string Text)> lines = Channel.CreateUnbounded<(long, string)>();
    private readonly List<string> errors = [];
    private readonly Action<string>? onError;

    /// <summary>Starts a program.</summary>
    /// <param name="program">Its file beside this one, such as <c>DistTrain.Worker.dll</c>.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="space">The network namespace to start it in; null for this one's own.</param>
    /// <param name="onError">Told each line of its stderr.</param>
    public Child(string program, string arguments, string? space = null, Action<string>? onError = null)
    {
        this.onError = onError;
        var start = new ProcessStartInfo(space is null ? "dotnet" : ThrottledLink.Find("ip") ?? "ip") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        if (space is not null)
            foreach (string word in (string[])["netns", "exec", space, "dotnet"]) start.ArgumentList.Add(word);
        start.ArgumentList.Add("exec");
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, program));
        foreach (string word in arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)) start.ArgumentList.Add(word);
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("DISTTRAIN_", StringComparison.Ordinal)).ToList()) start.Environment.Remove(name);
        process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        process.OutputDataReceived += (_, e) => Add(e.Data);
        process.ErrorDataReceived += (_, e) => AddError(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Its process id.</summary>
    public int Id => process.Id;

    /// <summary>What it wrote on stderr so far.</summary>
    public string Errors
    {
        get
        {
            lock (errors) return string.Join('\n', errors);
        }
    }

    /// <summary>A line of stderr with a text in it.</summary>
    public async Task<string> ErrorWithAsync(string text, TimeSpan patience)
    {
        for (var left = Stopwatch.StartNew(); left.Elapsed < patience && !process.HasExited; await Task.Delay(20))
        {
            lock (errors)
                if (errors.Find(line => line.Contains(text, StringComparison.Ordinal)) is { } found) return found;
        }
        throw new InvalidOperationException($"'{text}' was not said; said was: {Errors}");
    }

    /// <summary>Its JSON lines, each with the time when it came.</summary>
    public async IAsyncEnumerable<(long Time, JsonElement Line)> EventsAsync()
    {
        await foreach (var (time, text) in lines.Reader.ReadAllAsync()) yield return (time, JsonDocument.Parse(text).RootElement);
    }

    /// <summary>Asks it to end, as Ctrl-C does.</summary>
    public void Interrupt() => Process.Start("kill", ["-TERM", $"{process.Id}"]).WaitForExit();

    /// <summary>Waits for its end.</summary>
    public void WaitForExit(TimeSpan patience) => process.WaitForExit(patience);

    public void Dispose()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        process.Dispose();
    }

    private void Add(string? line)
    {
        if (line is null) lines.Writer.TryComplete();
        else lines.Writer.TryWrite((Stopwatch.GetTimestamp(), line));
    }

    private void AddError(string? line)
    {
        if (line is null) return;
        lock (errors) errors.Add(line);
        onError?.Invoke(line);
    }
}
