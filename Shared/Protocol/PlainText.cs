using System.Globalization;
using System.Text;

namespace DistTrain.Protocol;

/// <summary>What may be shown of a text that came from another node: it ends up in logs and on terminals, which line ends and escape sequences would write for themselves.</summary>
public static class PlainText
{
    /// <summary>Characters of a node's name at most.</summary>
    public const int LongestName = 128;

    /// <summary>Whether a text can be a node's name: 1 to 128 printable characters.</summary>
    public static bool IsName(string text) => text.Length is > 0 and <= LongestName && text.EnumerateRunes().All(IsPrintable);

    /// <summary>The text on one line: cut where it is too long, with <c>?</c> for what cannot be printed.</summary>
    public static string Of(string text, int most = 1000)
    {
        var plain = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (plain.Length + rune.Utf16SequenceLength > most) return plain.Append('…').ToString();
            if (IsPrintable(rune)) plain.Append(rune);
            else plain.Append(Rune.IsWhiteSpace(rune) ? ' ' : '?');
        }
        return plain.ToString();
    }

    private static bool IsPrintable(Rune rune) => rune != Rune.ReplacementChar && Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse);
}
