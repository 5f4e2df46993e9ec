using DistTrain.Protocol;

namespace DistTrain.Tests.Protocol;

public sealed class PlainTextTests
{
    [Theory]
    [InlineData("node-1", true)]
    [InlineData("Bär 東京 🚂", true)]
    [InlineData("", false)]
    [InlineData("a\nerror: b", false)]
    [InlineData("a\u001b[2J", false)]
    [InlineData("a\u202eb", false)]
    [InlineData("a\u2028b", false)]
    [InlineData("a\ud800", false)]
    public void A_name_is_printable(string text, bool isName) => Assert.Equal(isName, PlainText.IsName(text));

    [Fact]
    public void A_name_has_an_end()
    {
        Assert.True(PlainText.IsName(new string('a', PlainText.LongestName)));
        Assert.False(PlainText.IsName(new string('a', PlainText.LongestName + 1)));
    }

    [Fact]
    public void What_is_shown_is_one_line_without_escapes()
    {
        Assert.Equal("a error: b?[2J🚂?", PlainText.Of("a\nerror: b\u001b[2J🚂\ud800"));
        Assert.Equal("abc…", PlainText.Of("abcdef", 3));
        Assert.Equal("abc", PlainText.Of("abc", 3));
    }
}
