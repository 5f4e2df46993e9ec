namespace DistTrain.Training;

/// <summary>How a language model goes on with a text.</summary>
public sealed record GenerationOptions
{
    /// <summary>Tokens to generate, 1 or more.</summary>
    public int Tokens { get; init; } = 200;

    /// <summary>Logits are divided by this before a token is drawn: below 1 likely tokens become likelier; 0 always takes the likeliest.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draws from this many of the likeliest tokens only, 1 or more; null from all.</summary>
    public int? TopK { get; init; }

    /// <summary>Key of the draws.</summary>
    public ulong Seed { get; init; }

    /// <summary>Tokens that stay in view when the model's context is full, from 1 to the context − 1; null for half of it.</summary>
    public int? Keep { get; init; }

    /// <summary>Checks the numbers against a model's context.</summary>
    /// <exception cref="UserErrorException">One is out of range.</exception>
    public void Check(int context)
    {
        if (Tokens < 1) throw new UserErrorException($"tokens was {Tokens}, expected 1 or more");
        if (!(Temperature >= 0) || double.IsInfinity(Temperature)) throw new UserErrorException(FormattableString.Invariant($"temperature was {Temperature}, expected a finite number of 0 or more"));
        if (TopK < 1) throw new UserErrorException($"top-k was {TopK}, expected 1 or more");
        if (Keep is { } keep && (keep < 1 || keep >= context)) throw new UserErrorException($"keep was {keep}, expected 1 to {context - 1}: the model's context is {context} tokens");
    }
}
