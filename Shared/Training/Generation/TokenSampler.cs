using DistTrain.Simd;

namespace DistTrain.Training;

/// <summary>Draws tokens from logits. Each draw is a pure function of logits, options, seed and the token's number: never of time, threads or what was drawn before.</summary>
/// <param name="options">Temperature, top-k and seed.</param>
public sealed class TokenSampler(GenerationOptions options)
{
    /// <summary>Keeps these draws apart from other uses of a seed.</summary>
    private const ulong Purpose = 0x6E4E;

    private readonly RandomKey key = RandomKey.Create(options.Seed, Purpose);
    private int[] order = [];
    private float[] shares = [];

    /// <summary>Draws a token.</summary>
    /// <param name="logits">A score of each token.</param>
    /// <param name="number">The number of the draw, from 0.</param>
    /// <exception cref="UserErrorException">No score is the largest, since one is not a number.</exception>
    public int Draw(ReadOnlySpan<float> logits, long number)
    {
        int best = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (float.IsNaN(logits[i]) || float.IsPositiveInfinity(logits[i])) throw new UserErrorException($"the model's output is not finite: its weights are damaged, or it was not trained well");
            if (logits[i] > logits[best]) best = i;
        }
        if (options.Temperature == 0) return best;
        int count = Candidates(logits);
        double temperature = options.Temperature, sum = 0;
        var share = shares.AsSpan(0, count);
        for (int i = 0; i < count; i++) share[i] = (float)((logits[order[i]] - (double)logits[best]) / temperature);
        VectorMath.Exp(share, share);
        for (int i = 0; i < count; i++) sum += share[i];
        double left = Uniform(number) * sum;
        for (int i = 0; i < count; i++)
        {
            left -= share[i];
            if (left < 0) return order[i];
        }
        return best;
    }

    /// <summary>Orders the tokens that can be drawn; of equal scores the lower token comes first.</summary>
    private int Candidates(ReadOnlySpan<float> logits)
    {
        if (order.Length != logits.Length) (order, shares) = (new int[logits.Length], new float[logits.Length]);
        for (int i = 0; i < order.Length; i++) (order[i], shares[i]) = (i, -logits[i]);
        if (options.TopK is not { } most || most >= logits.Length) return order.Length;
        // By score, then by token: a total order, so that any way of sorting gives the same.
        float[] scores = shares;
        Array.Sort(order, (a, b) => scores[a] != scores[b] ? scores[a].CompareTo(scores[b]) : a.CompareTo(b));
        return most;
    }

    /// <summary>A number in [0, 1) of 53 random bits.</summary>
    private double Uniform(long number)
    {
        var (x, y, _, _) = Philox.Generate(key, (ulong)number);
        return (((ulong)x << 32 | y) >> 11) * (1.0 / (1UL << 53));
    }
}
