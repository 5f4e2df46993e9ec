using System.Globalization;

namespace DistTrain.Protocol.Codecs;

/// <summary>Which codec, with its parameter: what <c>--codec</c> and <c>--weights-codec</c> say.</summary>
/// <param name="Kind">The codec.</param>
/// <param name="Share">For <c>topk</c>: the share of each block's numbers that is sent, in (0, 1]; else 0.</param>
/// <param name="Rank">For <c>powersgd</c>: the rank of each block's approximation, in [1, 32]; else 0.</param>
public sealed record CodecSpec(CodecKind Kind, double Share = 0, int Rank = 0)
{
    /// <summary>The largest rank: at 32 the factors of a block are as long as the block.</summary>
    public const int LargestRank = 32;

    private const string GradientChoices = "none, bf16, fp16, int8, topk:<share> (such as topk:0.01) or powersgd:<rank> (such as powersgd:4)";

    /// <summary>Float32 as it is.</summary>
    public static CodecSpec None { get; } = new(CodecKind.None);

    /// <summary>Whether decoding gives other floats than were encoded.</summary>
    public bool IsLossy => Kind != CodecKind.None;

    /// <summary>Whether it keeps an error-feedback residual for each logical shard.</summary>
    public bool HasState => Kind is CodecKind.TopK or CodecKind.PowerSgd;

    /// <summary>Reads a gradient codec: <c>none | bf16 | fp16 | int8 | topk:&lt;share&gt; | powersgd:&lt;rank&gt;</c>.</summary>
    /// <exception cref="UserErrorException">The text is none of them, or its parameter is out of range.</exception>
    public static CodecSpec ParseGradient(string text)
    {
        int colon = text.IndexOf(':');
        string name = colon < 0 ? text : text[..colon];
        string? parameter = colon < 0 ? null : text[(colon + 1)..];
        return (name, parameter) switch
        {
            ("none", null) => None,
            ("bf16", null) => new CodecSpec(CodecKind.Bf16),
            ("fp16", null) => new CodecSpec(CodecKind.Fp16),
            ("int8", null) => new CodecSpec(CodecKind.Int8),
            ("topk", not null) => new CodecSpec(CodecKind.TopK, Share: ParseShare(text, parameter)),
            ("powersgd", not null) => new CodecSpec(CodecKind.PowerSgd, Rank: ParseRank(text, parameter)),
            _ => throw new UserErrorException($"codec '{text}' is not known; give {GradientChoices}"),
        };
    }

    /// <summary>Reads a codec for weights: <c>none | bf16 | fp16</c>.</summary>
    /// <exception cref="UserErrorException">The text is none of them.</exception>
    public static CodecSpec ParseWeights(string text) => text switch
    {
        "none" => None,
        "bf16" => new CodecSpec(CodecKind.Bf16),
        "fp16" => new CodecSpec(CodecKind.Fp16),
        _ => throw new UserErrorException($"weights codec '{text}' is not known; give none, bf16 or fp16 (the others are for gradients)"),
    };

    /// <summary>The text that <see cref="ParseGradient"/> reads.</summary>
    public override string ToString() => Kind switch
    {
        CodecKind.TopK => "topk:" + Share.ToString("R", CultureInfo.InvariantCulture),
        CodecKind.PowerSgd => "powersgd:" + Rank.ToString(CultureInfo.InvariantCulture),
        _ => Kind.ToString().ToLowerInvariant(),
    };

    private static double ParseShare(string text, string parameter)
    {
        bool parsed = double.TryParse(parameter, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out double share);
        return parsed && share is > 0 and <= 1
            ? share
            : throw new UserErrorException($"codec '{text}': the share was '{parameter}', expected a number above 0 and at most 1, such as topk:0.01");
    }

    private static int ParseRank(string text, string parameter) =>
        int.TryParse(parameter, NumberStyles.None, CultureInfo.InvariantCulture, out int rank) && rank is >= 1 and <= LargestRank
            ? rank
            : throw new UserErrorException($"codec '{text}': the rank was '{parameter}', expected a whole number from 1 to {LargestRank}, such as powersgd:4");
}
