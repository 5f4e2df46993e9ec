using DistTrain.Simd;

namespace DistTrain.Data;

/// <summary>
/// Which samples of one source are for testing, where no file of its own holds them: a share of them, chosen by a seed, or the last ones. Both parts keep the
/// source's order.
/// </summary>
internal sealed record HoldOut(double TestShare, bool Shuffled, ulong Seed)
{
    private static readonly DataOption Test = new("test", "the share of the samples held out for testing, 0 to 0.9 (default 0.2)") { Range = (0, .9) };
    private static readonly DataOption Split = new("split", "how they are chosen: shuffled (default) or tail") { Words = ["shuffled", "tail"] };
    private static readonly DataOption SplitSeed = new("split-seed", "what the choice depends on (default 0)") { Range = (0, 1L << 53), IsWhole = true };

    /// <summary>The options that say so.</summary>
    public static DataOption[] Options =>
    [
        Test,
        Split,
        SplitSeed,
    ];

    /// <summary>Reads the options.</summary>
    public static HoldOut Of(DataSpec spec) =>
        new(spec.Number(Test, .2), spec.Choice(Split) == "shuffled", (ulong)spec.Whole(SplitSeed, 0));

    /// <summary>The samples of the two parts.</summary>
    /// <exception cref="UserErrorException">No sample is left for training.</exception>
    public (int[] Train, int[] Test) Choose(string name, int count)
    {
        var test = (int)Math.Round(count * TestShare, MidpointRounding.AwayFromZero);
        if (test >= count)
            throw new UserErrorException($"{name}: of {count} samples {test} are held out for testing, which leaves none for training; expected more samples or a smaller share");
        var order = new int[count];
        if (Shuffled)
        {
            Philox.Permutation(order, RandomStream.Key(Seed, RandomUse.Split));
        }
        else
        {
            for (var i = 0; i < count; i++)
                order[i] = i;
        }
        var train = order[..(count - test)];
        var held = order[(count - test)..];
        Array.Sort(train);
        Array.Sort(held);
        return (train, held);
    }
}
