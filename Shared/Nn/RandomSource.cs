using DistTrain.Simd;

namespace DistTrain.Nn;

/// <summary>
/// Where modules get random numbers from. Initial values are numbered draws from a seed. In training every draw is keyed by (seed, step, piece, module, call number, element): never by
/// worker, thread or time, so that a piece computed again draws the same numbers.
/// </summary>
public static class RandomSource
{
    [ThreadStatic]
    private static State state;

    /// <summary>What draws are for; part of the key, so that no two uses share numbers.</summary>
    private enum Purpose : ulong
    {
        Initial = 0x1417,
        Dropout = 0xd70b,
    }

    /// <summary>Starts the thread's draws over from a seed, as PyTorch's <c>manual_seed</c>.</summary>
    public static void ManualSeed(ulong seed) => state = new State { Seed = seed, Context = state.Context + 1 };

    /// <summary>Sets the key of the draws that follow on this thread to a piece of a step.</summary>
    internal static void EnterPiece(ulong seed, long step, int piece) => state = new State { Seed = seed, Step = (ulong)step, Piece = (ulong)piece, Context = state.Context + 1 };

    /// <summary>A number that changes whenever the key does: call numbers start again at 0.</summary>
    internal static long Context => state.Context;

    /// <summary>The key of the next initial values.</summary>
    internal static RandomKey NextKey() => RandomKey.Create(state.Seed, (ulong)Purpose.Initial, state.Draws++);

    /// <summary>The key of one dropout call of one module.</summary>
    internal static RandomKey DropoutKey(int module, int call) => RandomKey.Create(state.Seed, (ulong)Purpose.Dropout, state.Step, state.Piece, (ulong)module, (ulong)call);

    /// <summary>A module's number when its model was not numbered: the order of first use after the seed was set.</summary>
    internal static int NextModule() => state.Modules++;

    private struct State
    {
        public ulong Seed;
        public ulong Step;
        public ulong Piece;
        public ulong Draws;
        public long Context;
        public int Modules;
    }
}
