using System.Globalization;

namespace DistTrain.Data;

/// <summary>
/// Random changes to training images, keyed by (seed, epoch, sample), so that it never matters who reads a sample or when. What leaves the image is lost, what comes in is 0.
/// </summary>
public sealed record ImageAugmentation
{
    /// <summary>How it is written, for messages.</summary>
    public const string Usage = "any of crop:<pixels>, flip[:<probability>], affine:<degrees>[:<scale>[:<shear>]], erase[:<probability>[:<largest share>]] with commas between them, such as crop:2,flip";

    private const double MostDegrees = 90;

    /// <summary>Shifts by up to this many pixels each way, as padding with 0 and cropping at random does; 0 for none.</summary>
    public int Crop { get; init; }

    /// <summary>The probability of swapping left and right.</summary>
    public double Flip { get; init; }

    /// <summary>Turns by up to this many degrees each way, 0 to 90.</summary>
    public double Degrees { get; init; }

    /// <summary>Scales by up to this share up or down, 0 to below 1.</summary>
    public double Scale { get; init; }

    /// <summary>Shears by up to this share of a row's distance from the middle, 0 to 1.</summary>
    public double Shear { get; init; }

    /// <summary>The probability of setting a random rectangle to 0 (Zhong et al.: "Random erasing data augmentation", 2017).</summary>
    public double Erase { get; init; }

    /// <summary>The largest share of the image that the rectangle covers, above 0 to 1.</summary>
    public double EraseShare { get; init; } = .25;

    /// <summary>Whether pixels between others are needed.</summary>
    internal bool IsAffine => Degrees > 0 || Scale > 0 || Shear > 0;

    /// <summary>Reads what a user wrote.</summary>
    /// <exception cref="UserErrorException">It is not as <see cref="Usage"/> says.</exception>
    public static ImageAugmentation Parse(string text)
    {
        var result = new ImageAugmentation();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var words = part.Split(':');
            result = words[0] switch
            {
                "crop" when words.Length == 2 => result with { Crop = (int)Number(words, 1, 0, 1, 1000, whole: true) },
                "flip" when words.Length <= 2 => result with { Flip = Number(words, 1, .5, 0, 1) },
                "affine" when words.Length is >= 2 and <= 4 => result with
                {
                    Degrees = Number(words, 1, 0, 0, MostDegrees),
                    Scale = Number(words, 2, 0, 0, .9),
                    Shear = Number(words, 3, 0, 0, 1),
                },
                "erase" when words.Length <= 3 => result with { Erase = Number(words, 1, .5, 0, 1), EraseShare = Number(words, 2, .25, .01, 1) },
                _ => throw new UserErrorException($"Augmentation '{text}': '{part}' is not known; expected {Usage}"),
            };
        }
        return result;

        double Number(string[] words, int place, double otherwise, double least, double most, bool whole = false)
        {
            if (place >= words.Length)
                return otherwise;
            return double.TryParse(words[place], NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                && number >= least && number <= most && (!whole || number == Math.Floor(number))
                ? number
                : throw new UserErrorException(FormattableString.Invariant($"Augmentation '{text}': {words[0]} has '{words[place]}'; expected a {(whole ? "whole number" : "number")} from {least} to {most}"));
        }
    }

    /// <summary>As a user would write it.</summary>
    public override string ToString()
    {
        var parts = new List<string>();
        if (Crop > 0)
            parts.Add(FormattableString.Invariant($"crop:{Crop}"));
        if (Flip > 0)
            parts.Add(FormattableString.Invariant($"flip:{Flip}"));
        if (IsAffine)
            parts.Add(FormattableString.Invariant($"affine:{Degrees}:{Scale}:{Shear}"));
        if (Erase > 0)
            parts.Add(FormattableString.Invariant($"erase:{Erase}:{EraseShare}"));
        return string.Join(',', parts);
    }
}
