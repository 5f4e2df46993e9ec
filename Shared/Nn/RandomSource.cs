using DistTrain.Autograd;
using DistTrain.Simd;

namespace DistTrain.Nn;

/// <summary>
/// Where modules get random numbers from. Initial values are numbered draws from a seed. In training every draw is keyed by (seed, step, piece, module, call number, element), or by (seed, step, piece, draw,
/// element) where no module draws: never by worker, thread or time, so that a piece computed again draws the same numbers. A thread that never set a seed draws from the process's numbers of seed 0, which no
/// other thread gets again.
/// </summary>
public static class RandomSource
{
    [ThreadStatic]
    private static State state;

    /// <summary>Numbers the contexts of all threads, so that none comes twice.</summary>
    private static long contexts;

    private static long processDraws;
    private static int processModules;

    /// <summary>What draws are for; part of the key, so that no two uses share numbers.</summary>
    private enum Purpose : ulong
    {
        Unseeded = 0,
        Initial = 0x1417,
        Dropout = 0xd70b,
        Piece = 0x91ec,
        Evaluation = 0xe7a1,
    }

    /// <summary>Starts the thread's draws over from a seed, as PyTorch's <c>manual_seed</c>; other threads' stay as they are.</summary>
    public static void ManualSeed(ulong seed) => Enter(Purpose.Initial, seed, 0, 0);

    /// <summary>Sets the key of the draws that follow on this thread to a piece of a step.</summary>
    internal static void EnterPiece(ulong seed, long step, int piece) => Enter(Purpose.Piece, seed, step, piece);

    /// <summary>Sets the key of the draws that follow on this thread to a slice of an evaluation.</summary>
    internal static void EnterEvaluation(ulong seed, int slice) => Enter(Purpose.Evaluation, seed, 0, slice);

    /// <summary>Holds the thread's draws as they are: the end of the scope brings them back.</summary>
    internal static Kept Keep() => Kept.Now();

    /// <summary>A number that changes whenever the key does: call numbers start again at 0.</summary>
    internal static long Context => state.Context;

    /// <summary>The key of the next draw; in the repetition of a checkpointed function, that of the first time.</summary>
    internal static RandomKey NextKey() => Recomputation.Drawn(Checkpoint.IsRecomputing ? default : Fresh());

    /// <summary>The key of one dropout call of one module.</summary>
    internal static RandomKey DropoutKey(int module, int call) => RandomKey.Create(state.Seed, (ulong)Purpose.Dropout, state.Step, state.Piece, (ulong)module, (ulong)call);

    /// <summary>A module's number when its model was not numbered: the order of first use after the seed was set.</summary>
    internal static int NextModule() => state.Purpose == Purpose.Unseeded ? Interlocked.Increment(ref processModules) - 1 : state.Modules++;

    private static void Enter(Purpose purpose, ulong seed, long step, int piece) =>
        state = new State { Purpose = purpose, Seed = seed, Step = (ulong)step, Piece = (ulong)piece, Context = Interlocked.Increment(ref contexts) };

    private static RandomKey Fresh() => state.Purpose switch
    {
        Purpose.Unseeded => RandomKey.Create(0, (ulong)Purpose.Initial, (ulong)(Interlocked.Increment(ref processDraws) - 1)),
        Purpose.Initial => RandomKey.Create(state.Seed, (ulong)Purpose.Initial, state.Draws++),
        _ => RandomKey.Create(state.Seed, (ulong)state.Purpose, state.Step, state.Piece, state.Draws++),
    };

    /// <summary>A thread's draws, to go on with later.</summary>
    internal readonly ref struct Kept
    {
        private readonly State before;

        private Kept(in State now) => before = now;

        public static Kept Now() => new(state);

        public void Dispose() => state = before;
    }

    private struct State
    {
        public Purpose Purpose;
        public ulong Seed;
        public ulong Step;
        public ulong Piece;
        public ulong Draws;
        public long Context;
        public int Modules;
    }
}
