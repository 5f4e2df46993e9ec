namespace DistTrain.Tests;

public class SuggestionTests
{
    private static readonly string[] Options = ["--workers", "--shards", "--epochs", "--lr"];

    [Theory]
    [InlineData("--wrokers", "--workers")]
    [InlineData("--worker", "--workers")]
    [InlineData("--SHARDS", "--shards")]
    [InlineData("--l", "--lr")]
    [InlineData("--temperature", null)]
    [InlineData("", null)]
    public void The_closest_is_offered_and_nothing_where_none_is_close(string given, string? meant) => Assert.Equal(meant, Suggestion.For(given, Options));
}
