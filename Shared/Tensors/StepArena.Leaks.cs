using System.Diagnostics;

namespace DistTrain.Tensors;

// Debug builds prove that a step gives back all it was lent; in release builds none of this is compiled.
public sealed partial class StepArena
{
    private static long leaksOfProcess;
    private readonly List<int> openMarks = [];

    /// <summary>
    /// Leaks of all arenas of this process so far, in debug builds; 0 in release builds. A leak is a tensor, or a piece of memory, that was still out when its step ended: one of a part of the step
    /// that was begun with a mark and never released, one whose memory a tensor that outlives the step still shows, or memory that did not come back to the pool exactly once.
    /// </summary>
    public static long LeaksOfProcess => Interlocked.Read(ref leaksOfProcess);

    /// <summary>This arena's leaks so far, in debug builds; 0 in release builds. Adds to <see cref="LeaksOfProcess"/>.</summary>
    public long Leaks { get; private set; }

    [Conditional("DEBUG")]
    private void NoteMark() => openMarks.Add(nodesUsed);

    [Conditional("DEBUG")]
    private void NoteRelease() => openMarks.RemoveAt(openMarks.Count - 1);

    // Before the step's tensors are taken back: those made since a mark that nobody released, and those whose memory outlives them elsewhere.
    [Conditional("DEBUG")]
    private void CountTensorsOut()
    {
        if (openMarks.Count > 0) Count(nodesUsed - openMarks[0]);
        openMarks.Clear();
        foreach (var tensor in adopted)
            if (tensor.Storage.Lent || tensor.Grad is { Storage.Lent: true }) Count(1);
    }

    // After all memory was taken back: each piece is in the pool, and once.
    [Conditional("DEBUG")]
    private void CountMemoryOut()
    {
        int inPool = 0;
        foreach (var stack in free.Values) inPool += stack.Count;
        if (inPool != storages.Count) Count(Math.Abs(storages.Count - inPool));
    }

    private void Count(int leaks)
    {
        Leaks += leaks;
        Interlocked.Add(ref leaksOfProcess, leaks);
    }
}
