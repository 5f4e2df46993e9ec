using DistTrain.Data;

namespace DistTrain.Tests.Data;

public sealed class TextTests : IDisposable
{
    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Fact]
    public void A_text_is_cut_into_a_training_and_a_test_part()
    {
        var text = string.Concat(Enumerable.Range(0, 2000).Select(i => "abcdefghij"[i % 10]));
        var split = DataSources.Open($"text:{temp.Write("t.txt", text)}?window=16");
        Assert.Equal(SampleSpec.Int64(16), split.Train.Inputs);
        Assert.Equal(SampleSpec.Int64(16), split.Train.Targets);
        Assert.Equal(10, split.Train.Classes);
        Assert.Equal("abcdefghij", string.Concat(split.Train.ClassNames!));
        Assert.Equal((1800 - 1 - 15) / 16, split.Train.Count);
        Assert.Equal((200 - 1) / 16, split.Test!.Count);
    }

    [Fact]
    public void Training_windows_start_at_an_offset_of_the_epoch_and_follow_each_other()
    {
        var tokens = Enumerable.Range(0, 1000).ToArray();
        var windows = new TokenWindows("w", tokens, 64, new Numbers(1000), varied: true);
        var offsets = new HashSet<int>();
        for (var epoch = 0; epoch < 50; epoch++)
        {
            var context = new ReadContext(3, epoch);
            var offset = windows.Offset(context);
            offsets.Add(offset);
            for (var i = 0; i < windows.Count; i++)
            {
                var (inputs, targets) = Read(windows, context, i);
                Assert.Equal(Enumerable.Range(offset + 64 * i, 64).Select(t => (long)t), inputs);
                Assert.Equal(inputs.Select(t => t + 1), targets);
            }
        }
        Assert.All(offsets, offset => Assert.InRange(offset, 0, 63));
        Assert.True(offsets.Count > 20);
        Assert.Equal(windows.Offset(new(3, 7)), windows.Offset(new(3, 7)));
    }

    [Fact]
    public void Evaluation_windows_start_at_the_beginning_in_every_epoch()
    {
        var windows = new TokenWindows("w", Enumerable.Range(0, 129).ToArray(), 64, new Numbers(129), varied: false);
        Assert.Equal(2, windows.Count);
        Assert.Equal(64, Read(windows, new(3, 5), 1).Inputs[0]);
        Assert.Equal(128, Read(windows, ReadContext.Evaluation, 1).Targets[63]);
    }

    [Fact]
    public void Characters_are_code_points_and_survive_a_round_trip()
    {
        var vocabulary = CharacterVocabulary.Of("naïve 😀 text\n");
        var tokens = vocabulary.Encode("text 😀 naïve");
        Assert.Equal("text 😀 naïve", vocabulary.Decode(tokens));
        Assert.Equal(12, tokens.Length);
        Assert.Equal(tokens, new CharacterVocabulary(vocabulary.Characters).Encode("text 😀 naïve"));
        Assert.Equal(vocabulary.Characters, vocabulary.Characters.OrderBy(c => char.ConvertToUtf32(c, 0)));
        var error = Assert.Throws<UserErrorException>(() => vocabulary.Encode("Text"));
        Assert.Equal("The character 'T' (U+0054) is not in the vocabulary of 10 characters", error.Message);
    }

    [Fact]
    public void Bad_texts_are_refused_in_one_line()
    {
        Assert.Contains("names no file or folder; expected text:<file>", Message("text"));
        Assert.Contains("no such file", Message($"text:{temp.Folder}/nothing.txt"));
        Assert.Contains("27 tokens are too few for windows of 64; expected at least 128", Message($"text:{temp.Write("short.txt", "0123456789abcdefghij0123456789")}"));
        Assert.Contains("20 tokens are too few for windows of 64; expected at least 65", Message($"text:{temp.Write("shorter.txt", new string('a', 200))}"));
        Assert.Contains("not UTF-8 text: a wrong byte at offset 3", Message($"text:{temp.Write("latin1.txt", [65, 66, 67, 0xE9, 68])}"));
        Assert.Contains("window was '0'; expected a whole number from 1 to 65536", Message($"text:{temp.Write("t.txt", "abc")}?window=0"));
        Assert.Contains("unknown option 'windows'; text takes window, bpe, vocab, merges, augment", Message($"text:{temp.Folder}/t.txt?windows=3"));

        static string Message(string spec)
        {
            var message = Assert.Throws<UserErrorException>(() => DataSources.Open(spec)).Message;
            Assert.DoesNotContain('\n', message);
            return message;
        }
    }

    [SkippableFact]
    public void Tiny_shakespeare_has_65_characters()
    {
        var file = Path.Combine(Environment.GetEnvironmentVariable("DISTTRAIN_DATA_DIR") ?? "", "tinyshakespeare.txt");
        Skip.IfNot(File.Exists(file), "DISTTRAIN_DATA_DIR names no folder with tinyshakespeare.txt in it");
        var split = TextSource.Open(file);
        Assert.Equal(65, split.Train.Classes);
        Assert.Equal((1_003_854 - 64) / 64, split.Train.Count);
        Assert.Equal((111_540 - 1) / 64, split.Test!.Count);
    }

    private static (long[] Inputs, long[] Targets) Read(TokenWindows windows, ReadContext context, int index)
    {
        var inputs = new long[windows.Inputs.Length];
        var targets = new long[windows.Inputs.Length];
        windows.Read(context, [index], inputs, targets);
        return (inputs, targets);
    }

    /// <summary>Tokens that are numbers.</summary>
    private sealed class Numbers(int count) : ITokenizer
    {
        public int Count => count;

        public int[] Encode(string text) => [.. text.Split(' ').Select(int.Parse)];

        public string Decode(ReadOnlySpan<int> tokens) => string.Join(' ', tokens.ToArray());
    }

    [Fact]
    public void A_byte_order_mark_is_no_character_of_the_text()
    {
        var text = string.Concat(Enumerable.Range(0, 400).Select(i => "abcd"[i % 4]));
        var split = DataSources.Open($"text:{temp.Write("bom.txt", "\uFEFF" + text)}?window=16");
        Assert.Equal("abcd", string.Concat(split.Train.ClassNames!));
    }
}
