using System.Collections.Immutable;
using System.Globalization;

namespace DistTrain.Data;

/// <summary>
/// The built-in data: digits drawn by the program from a seed, with strokes under random affine distortion, thickness and noise. Images are float32
/// <c>[1, 28, 28]</c>, ink near 1; there are ten classes.
/// </summary>
public static class DigitsSource
{
    /// <summary>Training digits, where nothing else is asked for.</summary>
    public const int DefaultTrain = 8000;

    /// <summary>Test digits, where nothing else is asked for.</summary>
    public const int DefaultTest = 2000;

    private const int Most = 1_000_000;
    private static readonly string[] Names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    internal static DataKind Kind => new("digits", "digits[:train,test,seed]", "28x28 digits drawn by the program (default 8000,2000,0)", [], Open) { TakesPath = false };

    /// <summary>Draws digits. Each is a pure function of the seed and its index, so more of them begin with the same ones.</summary>
    /// <param name="train">Training digits, 1 to 1,000,000.</param>
    /// <param name="test">Test digits, 0 to 1,000,000.</param>
    /// <param name="seed">What to draw them from.</param>
    public static DataSplit Create(int train = DefaultTrain, int test = DefaultTest, ulong seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(train, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(test);
        return new("digits", Draw("digits train", train, seed, 0), test > 0 ? Draw("digits test", test, seed, 1) : null);
    }

    private static DataSplit Open(DataSpec spec)
    {
        var parts = spec.Path.Length == 0 ? [] : spec.Path.Split(',');
        if (parts.Length > 3)
            throw new UserErrorException($"Data '{spec}' has {parts.Length} numbers; expected digits[:train,test,seed]");
        var train = (int)Number(spec, parts, 0, "training digits", 1, Most, DefaultTrain);
        var test = (int)Number(spec, parts, 1, "test digits", 0, Most, DefaultTest);
        return Create(train, test, Number(spec, parts, 2, "seed", 0, ulong.MaxValue, 0));
    }

    private static ulong Number(DataSpec spec, string[] parts, int place, string what, ulong least, ulong most, ulong otherwise)
    {
        if (place >= parts.Length || parts[place].Length == 0)
            return otherwise;
        return ulong.TryParse(parts[place], NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw new UserErrorException($"Data '{spec}': {what} was '{parts[place]}'; expected a whole number from {least} to {most}");
    }

    private static ByteImageDataset Draw(string name, int count, ulong seed, int split)
    {
        const int PixelCount = DigitRenderer.Size * DigitRenderer.Size, Chunk = 64;
        var pixels = new byte[count * PixelCount];
        var labels = new byte[count];
        Parallel.For(0, (count + Chunk - 1) / Chunk, chunk =>
        {
            for (var i = chunk * Chunk; i < Math.Min(count, (chunk + 1) * Chunk); i++)
                labels[i] = DigitRenderer.Draw(seed, split, i, pixels.AsSpan(i * PixelCount, PixelCount));
        });
        return new(name, pixels, labels, [1, DigitRenderer.Size, DigitRenderer.Size], 10, Names);
    }
}
