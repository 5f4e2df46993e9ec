using System.Diagnostics;
using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Nn.Models;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Training;

/// <summary>Text from language models: the cache, the draws, the context's end.</summary>
public class GenerationTests
{
    private const int Context = 64;

    [Fact]
    public void A_cache_gives_the_bits_of_a_forward_of_all_tokens()
    {
        var model = Model(Context);
        var tokens = Tokens(Context);
        using var _ = GradMode.NoGrad();
        var whole = model.Forward(tokens);
        foreach (int prompt in new[] { 1, 7, 33, Context })
        {
            var cache = model.CreateCache();
            var first = model.Forward(tokens.Narrow(1, 0, prompt), cache);
            Assert.Equal(Row(whole, prompt - 1), Row(first, prompt - 1));
            for (int t = prompt; t < Context; t++) Assert.Equal(Row(whole, t), Row(model.Forward(tokens.Narrow(1, t, 1), cache), 0));
            Assert.Equal(Context, cache.Length);
        }
    }

    [Fact]
    public void A_cache_takes_no_more_than_the_context_and_single_tokens_behind_others()
    {
        var model = Model(8);
        var cache = model.CreateCache();
        model.Forward(Tokens(6), cache);
        Assert.Throws<ArgumentException>(() => model.Forward(Tokens(2), cache));
        model.Forward(Tokens(1), cache);
        model.Forward(Tokens(1), cache);
        Assert.Throws<ArgumentException>(() => model.Forward(Tokens(1), cache));
        cache.Clear();
        Assert.Throws<ArgumentException>(() => model.Forward(Tokens(9), cache));
    }

    [Fact]
    public void Text_up_to_the_context_is_what_full_forwards_give_and_costs_far_less()
    {
        const int Long = 512;
        var model = Model(Long);
        var options = new GenerationOptions { Tokens = Long - 1, Seed = 3, TopK = 7, Temperature = 0.9 };
        var clock = Stopwatch.StartNew();
        var cached = new TextGenerator(model).Generate([5], options).ToList();
        var withCache = clock.Elapsed;

        clock.Restart();
        var full = new List<int> { 5 };
        var sampler = new TokenSampler(options);
        var arena = new StepArena();
        for (int i = 0; i < options.Tokens; i++)
        {
            using var step = arena.BeginStep();
            using var quiet = GradMode.NoGrad();
            var logits = model.Forward(Tensor.From([.. full.Select(token => (long)token)], new Shape(1, full.Count)));
            full.Add(sampler.Draw(Row(logits, full.Count - 1), i));
        }

        Assert.Equal(full.Skip(1), cached);
        Assert.True(withCache * 4 < clock.Elapsed, $"{withCache.TotalMilliseconds} ms with a cache, {clock.Elapsed.TotalMilliseconds} ms without");
    }

    [Theory]
    [InlineData(null, 8)]
    [InlineData(15, 15)]
    [InlineData(1, 1)]
    public void Beyond_the_context_the_last_tokens_are_read_again(int? keep, int kept)
    {
        var model = Model(16);
        var options = new GenerationOptions { Tokens = 60, Seed = 1, Keep = keep };
        int[] prompt = [1, 2, 3];
        var text = prompt.Concat(new TextGenerator(model).Generate(prompt, options)).ToList();

        var sampler = new TokenSampler(options);
        int start = 0;
        for (int i = 3; i < text.Count; i++)
        {
            if (i - start > 16) start = i - kept;
            using var _ = GradMode.NoGrad();
            var logits = model.Forward(Tensor.From([.. text[start..i].Select(token => (long)token)], new Shape(1, i - start)));
            Assert.Equal(sampler.Draw(Row(logits, i - start - 1), i - 3), text[i]);
        }
    }

    [Fact]
    public void A_prompt_longer_than_the_context_is_seen_from_its_end()
    {
        var model = Model(8);
        int[] prompt = [.. Enumerable.Range(0, 20).Select(i => i % 11)];
        Assert.Equal(new TextGenerator(model).Generate(prompt[12..], new()).Take(8), new TextGenerator(model).Generate(prompt, new()).Take(8));
    }

    [Fact]
    public void Draws_follow_the_softmax_of_the_best_k()
    {
        float[] logits = [1f, 3f, 2f, 3f, -5f];
        var counts = new int[5];
        var sampler = new TokenSampler(new GenerationOptions { TopK = 3, Temperature = 0.5, Seed = 9 });
        const int Draws = 40_000;
        for (int i = 0; i < Draws; i++) counts[sampler.Draw(logits, i)]++;

        double both = Math.Exp(6), third = Math.Exp(4), sum = 2 * both + third;
        Assert.Equal(0, counts[0] + counts[4]);
        Assert.InRange(counts[1], Draws * (both / sum) - 500, Draws * (both / sum) + 500);
        Assert.InRange(counts[2], Draws * (third / sum) - 500, Draws * (third / sum) + 500);
        Assert.Equal(Enumerable.Range(0, 50).Select(i => sampler.Draw(logits, i)), Enumerable.Range(0, 50).Reverse().Select(i => sampler.Draw(logits, i)).Reverse());
        var other = new TokenSampler(new GenerationOptions { TopK = 3, Temperature = 0.5, Seed = 10 });
        Assert.NotEqual(Enumerable.Range(0, 50).Select(i => sampler.Draw(logits, i)), Enumerable.Range(0, 50).Select(i => other.Draw(logits, i)));
    }

    [Fact]
    public void Temperature_0_and_k_1_take_the_likeliest_and_the_first_of_equals()
    {
        float[] logits = [1f, 3f, 2f, 3f, float.NegativeInfinity];
        var greedy = new TokenSampler(new GenerationOptions { Temperature = 0 });
        var single = new TokenSampler(new GenerationOptions { TopK = 1 });
        var cold = new TokenSampler(new GenerationOptions { Temperature = 1e-30, TopK = 1 });
        Assert.All(Enumerable.Range(0, 20), i => Assert.Equal((1, 1, 1), (greedy.Draw(logits, i), single.Draw(logits, i), cold.Draw(logits, i))));
        Assert.Throws<UserErrorException>(() => greedy.Draw([1f, float.NaN], 0));
    }

    [Fact]
    public void Wrong_numbers_and_models_are_refused_in_one_line()
    {
        var generator = new TextGenerator(Model(8));
        void Refused(GenerationOptions options, string expected) => Assert.Equal(expected, Assert.Throws<UserErrorException>(() => generator.Generate([1], options)).Message);
        Refused(new() { Tokens = 0 }, "tokens was 0, expected 1 or more");
        Refused(new() { Temperature = -1 }, "temperature was -1, expected a finite number of 0 or more");
        Refused(new() { TopK = 0 }, "top-k was 0, expected 1 or more");
        Refused(new() { Keep = 8 }, "keep was 8, expected 1 to 7: the model's context is 8 tokens");
        Assert.Throws<UserErrorException>(() => generator.Generate([], new()));
        Assert.Equal("a model of class ReLU does not generate text; char-gpt does", Assert.Throws<UserErrorException>(() => new TextGenerator(new ReLU())).Message);
    }

    [Fact]
    public void Text_is_given_when_its_characters_are_whole()
    {
        const string Text = "naïve 😀 day. ";
        var pairs = BytePairVocabulary.Of(Text, 256);
        var stream = new TokenStream(pairs);
        var parts = pairs.Encode(Text).Select(stream.Add).ToList();
        Assert.Equal(Text, string.Concat(parts) + stream.End());
        Assert.Contains("😀", parts);
        Assert.Contains("", parts);
    }

    [Fact]
    public void Text_is_whole_where_tokens_end_one_character_and_begin_the_next()
    {
        const string Text = "日本語の文章です。ok";
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(Text);
        var chunks = new List<byte[]> { bytes[..2] };
        for (int at = 2; at < bytes.Length; at += 3) chunks.Add(bytes[at..Math.Min(bytes.Length, at + 3)]);
        var stream = new TokenStream(new Chunks(chunks));
        var parts = Enumerable.Range(0, chunks.Count).Select(stream.Add).Append(stream.End()).ToList();
        Assert.Equal(Text, string.Concat(parts));
        Assert.Equal("日", parts[1]);
        Assert.All(parts, part => Assert.DoesNotContain('\uFFFD', part));
    }

    [Fact]
    public void Bytes_that_are_no_text_do_not_hold_back_what_follows()
    {
        var stream = new TokenStream(new Chunks([[0xE6], [0x80], [0xFF], [(byte)'a']]));
        Assert.Equal(["", "", "\uFFFD", "\uFFFDa", ""], [stream.Add(0), stream.Add(1), stream.Add(2), stream.Add(3), stream.End()]);
        Assert.Equal("", stream.Add(0));
        Assert.Equal("\uFFFD", stream.End());
        Assert.Equal("a", stream.Add(3));
    }

    /// <summary>Tokens that are any bytes.</summary>
    private sealed class Chunks(IReadOnlyList<byte[]> chunks) : ITokenizer
    {
        public int Count => chunks.Count;

        public int[] Encode(string text) => throw new NotSupportedException();

        public string Decode(ReadOnlySpan<int> tokens) => System.Text.Encoding.UTF8.GetString([.. tokens.ToArray().SelectMany(token => chunks[token])]);
    }

    [Fact]
    public void Validation_is_over_all_windows_of_the_last_tenth_and_training_over_each_once()
    {
        using var folder = new DistTrain.Tests.Data.TempFolder();
        string text = string.Concat(Enumerable.Range(0, 20_000).Select(i => (char)('a' + i * i % 23)));
        var data = DataSources.Open("text:" + folder.Write("text.txt", text));
        Assert.Equal((2_000 - 1) / 64, data.Test!.Count);
        var job = JobBuilder.Build(new JobOptions { Model = "char-gpt", Data = $"text:{folder.Folder}/text.txt" }, 2);
        Assert.Equal(data.Test.Count, job.Plan().TestCount);
        var tokenizer = ((TokenWindows)data.Test).Tokenizer;
        long[] last = [.. tokenizer.Encode(text[18_000..]).Select(token => (long)token)];
        for (int i = 0; i < data.Test.Count; i++)
        {
            var (inputs, targets) = (new long[64], new long[64]);
            data.Test.Read(ReadContext.Evaluation, [i], new SampleSpan(inputs), new SampleSpan(targets));
            Assert.Equal(last[(64 * i)..(64 * i + 64)], inputs);
            Assert.Equal(last[(64 * i + 1)..(64 * i + 65)], targets);
        }
        var sampler = new Sampler(data.Train, job.Seed, shuffle: true);
        foreach (int epoch in new[] { 0, 1 })
        {
            int[] order = new int[data.Train.Count];
            sampler.Read(new SampleRange(epoch, 0, order.Length), order);
            Assert.Equal(Enumerable.Range(0, data.Train.Count), order.Order());
        }
    }

    private static CharGpt Model(int context)
    {
        RandomSource.ManualSeed(4);
        var model = new CharGpt(11, context, layers: 2, heads: 4, width: 32);
        // Larger weights than at the start, so that the logits differ.
        foreach (var parameter in model.Parameters())
            if (parameter.Shape.Rank == 2) (Tensor.Randn(parameter.Shape) * 0.3f).CopyTo(parameter.Span);
        model.Eval();
        return model;
    }

    private static Tensor Tokens(int count)
    {
        RandomSource.ManualSeed(8);
        return Tensor.Randint(0, 11, new Shape(1, count));
    }

    private static float[] Row(Tensor logits, int position) => logits.Select(1, position).ToArray();
}
