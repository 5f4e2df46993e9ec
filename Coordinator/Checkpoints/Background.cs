using System.Runtime.InteropServices;

namespace DistTrain.Coordinator.Checkpoints;

/// <summary>Has a thread work in the time that others leave: .NET's thread priorities do nothing on Linux.</summary>
internal static class Background
{
    private const int Process = 0, Self = 0, Nice = 10;

    /// <summary>The calling thread gives way to the process's others from now on; it still gets on where they are never idle. Does nothing where the system has no such thing.</summary>
    public static void Begin()
    {
        if (!OperatingSystem.IsLinux()) return;
        // On Linux this is the thread, not the process.
        if (GetPriority(Process, Self) < Nice) _ = SetPriority(Process, Self, Nice);
    }

    [DllImport("libc", EntryPoint = "getpriority")]
    private static extern int GetPriority(int which, int who);

    [DllImport("libc", EntryPoint = "setpriority")]
    private static extern int SetPriority(int which, int who, int nice);
}
