using System.Runtime.InteropServices;

namespace DistTrain.Worker.CommandLine;

/// <summary>
/// SIGINT (Ctrl-C) and SIGTERM. The first asks the run to end after its step and to save; the second ends the process at once, as it would without us.
/// </summary>
public sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration interrupt;
    private readonly PosixSignalRegistration terminate;
    private readonly Action<string>? told;
    private int exitCode;

    /// <summary>Listens from now on.</summary>
    /// <param name="told">Told, on another thread, what was asked for, for the user to see.</param>
    public StopSignals(Action<string>? told = null)
    {
        this.told = told;
        interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => OnSignal(context, ExitCode.Interrupted));
        terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => OnSignal(context, ExitCode.Terminated));
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>What to exit with after the first signal; null before one.</summary>
    public int? ExitWith => exitCode == 0 ? null : exitCode;

    /// <summary>Stops listening: signals do what they do by default.</summary>
    public void Dispose()
    {
        interrupt.Dispose();
        terminate.Dispose();
    }

    private void OnSignal(PosixSignalContext context, int code)
    {
        if (Interlocked.CompareExchange(ref exitCode, code, 0) != 0)
        {
            // A display may have hidden the cursor.
            if (!Console.IsOutputRedirected) Console.Out.Write("\e[?25h\n");
            // Left alone, SIGINT ends the process without its shutdown hooks; SIGTERM would run them.
            if (context.Signal != PosixSignal.SIGINT) Environment.Exit(code);
            return;
        }
        context.Cancel = true;
        told?.Invoke(code == ExitCode.Interrupted ? "Ctrl-C" : "SIGTERM");
        source.Cancel();
    }
}
