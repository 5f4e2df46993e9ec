using DistTrain.Data;

namespace DistTrain.Tests.Data;

public sealed class BytePairTests : IDisposable
{
    private const string Corpus = "low low low low low lower lower newest newest newest newest newest newest widest widest widest";
    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Fact]
    public void The_most_frequent_pairs_are_merged_first()
    {
        // Counted by hand: e+s 9 (newest 6, widest 3), then es+t 9; then l+o 7, lo+w 7; the blank before a word belongs to it.
        var vocabulary = BytePairVocabulary.Of(Corpus, 260);
        Assert.Equal(["e s", "es t", "l o", "lo w"], vocabulary.Merges);
        Assert.Equal(260, vocabulary.Count);
        Assert.Equal("low", vocabulary.Tokens[259]);
        Assert.Equal(["low", "est"], vocabulary.Encode("lowest").Select(id => vocabulary.Tokens[id]));
    }

    [Fact]
    public void Any_text_survives_a_round_trip()
    {
        var vocabulary = BytePairVocabulary.Of(Corpus, 300);
        Assert.InRange(vocabulary.Count, 261, 299); // no pair is left that occurs twice
        foreach (var text in new[] { Corpus, "", "Größe 😀\n\n\t don't  stop\0", "日本語", "  lead and trail  " })
            Assert.Equal(text, vocabulary.Decode(vocabulary.Encode(text)));
        Assert.Equal(vocabulary.Tokens, BytePairVocabulary.Of(Corpus, 300).Tokens);
        Assert.Throws<ArgumentOutOfRangeException>(() => vocabulary.Decode([vocabulary.Count]));
    }

    [Fact]
    public void A_vocabulary_is_saved_and_read_again()
    {
        var vocabulary = BytePairVocabulary.Of(Corpus, 270);
        vocabulary.Save(temp.Folder);
        var again = BytePairVocabulary.Load(Path.Combine(temp.Folder, "vocab.json"), Path.Combine(temp.Folder, "merges.txt"));
        Assert.Equal(vocabulary.Tokens, again.Tokens);
        Assert.Equal(vocabulary.Encode("the lowest newest"), again.Encode("the lowest newest"));
        Assert.Equal(vocabulary.Encode("the lowest newest"), BytePairVocabulary.From(vocabulary.Tokens, vocabulary.Merges).Encode("the lowest newest"));
    }

    [Fact]
    public void A_text_is_cut_into_windows_of_byte_pairs()
    {
        var file = temp.Write("t.txt", string.Concat(Enumerable.Repeat(Corpus + "\n", 50)));
        var split = DataSources.Open($"text:{file}?bpe=265&window=8");
        Assert.Equal(265, split.Train.Classes);
        var tokenizer = ((TokenWindows)split.Train).Tokenizer;
        var inputs = new long[8];
        split.Test!.Read(ReadContext.Evaluation, [0], inputs, new long[8]);
        var shown = tokenizer.Decode([.. inputs.Select(id => (int)id)]);
        Assert.True(shown.Length > 8, shown);
        Assert.Contains(shown, File.ReadAllText(file));

        ((BytePairVocabulary)tokenizer).Save(temp.Folder);
        var loaded = DataSources.Open($"text:{file}?vocab={temp.Folder}/vocab.json&merges={temp.Folder}/merges.txt&window=8");
        Assert.Equal(split.Fingerprint, loaded.Fingerprint);
    }

    [Fact]
    public void Bad_vocabularies_are_refused_in_one_line()
    {
        var text = temp.Write("t.txt", new string('a', 5000));
        BytePairVocabulary.Of(Corpus, 258).Save(temp.Folder);
        var vocabulary = Path.Combine(temp.Folder, "vocab.json");
        var merges = Path.Combine(temp.Folder, "merges.txt");
        Refused("bpe=100", "bpe was '100'; expected a whole number from 256 to 65536");
        Refused($"vocab={vocabulary}", "expected vocab and merges together, or bpe, or none of them");
        Refused($"vocab={vocabulary}&merges=nowhere.txt", "nowhere.txt: no such file");
        var bad = temp.Write("bad.txt", "#version: 0.2\ne s\ne st st\n");
        Refused($"vocab={vocabulary}&merges={bad}", "bad.txt, line 3: 'e st st'; expected two tokens of the vocabulary that make a third");
        Refused($"vocab={temp.Write("v.json", "{\n\"a\": \"b\"}")}&merges={merges}", "v.json, line 2: no JSON object from tokens to ids");
        Refused($"vocab={temp.Write("v.json", "{\"a\": 0, \"b\": 5}")}&merges={merges}", "token 'b' has the id 5; expected each of 0 to 1 once");
        Refused($"vocab={temp.Write("v.json", "{\"a\": 0, \"b\": 1}")}&merges={merges}", "expected one for each of the 256 bytes");

        void Refused(string options, string message)
        {
            var error = Assert.Throws<UserErrorException>(() => DataSources.Open($"text:{text}?{options}"));
            Assert.Contains(message, error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
    }
}
