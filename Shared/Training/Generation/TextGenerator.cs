using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Nn.Models;
using DistTrain.Tensors;

namespace DistTrain.Training;

/// <summary>
/// Has a language model go on with tokens, one after the other, each from the model's output on those before. Keys and values of earlier positions are kept, so a token costs one position. A model sees no
/// more than its context; when that is full, its last half (or <see cref="GenerationOptions.Keep"/> tokens) is read again from position 0 and the rest is out of view.
/// </summary>
public sealed class TextGenerator
{
    private readonly ILanguageModel model;
    private readonly KeyValueCache cache;
    private readonly StepArena arena = new();

    /// <summary>Takes a model; it is set to evaluation mode.</summary>
    /// <exception cref="UserErrorException">It is no language model.</exception>
    public TextGenerator(Module model)
    {
        this.model = model as ILanguageModel ?? throw new UserErrorException($"a model of class {model.GetType().Name} does not generate text; char-gpt does");
        model.Eval();
        cache = this.model.CreateCache();
    }

    /// <summary>Goes on with a prompt: the tokens that follow, as they are drawn.</summary>
    /// <param name="prompt">Tokens to go on with, 1 or more; of more than the context only the last are seen.</param>
    /// <param name="options">How many, and how they are drawn.</param>
    /// <exception cref="UserErrorException">A number is out of range, or the prompt is empty.</exception>
    public IEnumerable<int> Generate(IReadOnlyList<int> prompt, GenerationOptions options)
    {
        options.Check(model.Context);
        if (prompt.Count == 0) throw new UserErrorException("the prompt is empty, expected one token or more");
        return Run(prompt, options);
    }

    private IEnumerable<int> Run(IReadOnlyList<int> prompt, GenerationOptions options)
    {
        var sampler = new TokenSampler(options);
        int keep = options.Keep ?? Math.Max(1, model.Context / 2);
        var seen = prompt.TakeLast(model.Context).ToList();
        cache.Clear();
        int next = Read(seen, sampler, 0);
        yield return next;
        for (long number = 1; number < options.Tokens; number++)
        {
            seen.Add(next);
            if (seen.Count > model.Context)
            {
                seen.RemoveRange(0, seen.Count - keep);
                cache.Clear();
                next = Read(seen, sampler, number);
            }
            else
            {
                next = Read([next], sampler, number);
            }
            yield return next;
        }
    }

    /// <summary>Has the model read tokens behind those in the cache and draws what follows the last.</summary>
    private int Read(List<int> tokens, TokenSampler sampler, long number)
    {
        using var step = arena.BeginStep();
        using var quiet = GradMode.NoGrad();
        var input = TensorMemory.Empty(new Shape(1, tokens.Count), DType.Int64);
        for (int i = 0; i < tokens.Count; i++) input.LongSpan[i] = tokens[i];
        var logits = model.Forward(input, cache);
        return sampler.Draw(logits.Span[^logits.Shape[^1]..], number);
    }
}
