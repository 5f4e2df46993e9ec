using System.Collections.Concurrent;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>
/// What an equation of <c>Einsum</c> means, whatever the sizes: which dimensions to sum at once, and the orders in which the operands are a batch of matrices. Made once for each equation.
/// </summary>
internal sealed class EinsumPlan
{
    private static readonly ConcurrentDictionary<string, EinsumPlan> Plans = new();

    private readonly string equation;
    private readonly string[] terms;

    private EinsumPlan(string equation)
    {
        this.equation = equation;
        string plain = equation.Replace(" ", "", StringComparison.Ordinal);
        int arrow = plain.IndexOf("->", StringComparison.Ordinal);
        terms = (arrow < 0 ? plain : plain[..arrow]).Split(',');
        string all = string.Concat(terms);
        string result = arrow < 0 ? string.Concat(all.Where(c => all.IndexOf(c) == all.LastIndexOf(c)).Order()) : plain[(arrow + 2)..];
        foreach (string term in terms.Append(result))
        {
            if (!term.All(char.IsAsciiLetter)) throw Wrong("expected letters, ',' and '->'");
            if (term.Distinct().Count() != term.Length) throw Wrong($"a letter occurs twice in \"{term}\", expected once in each");
        }
        foreach (char c in result)
            if (!all.Contains(c)) throw Wrong($"'{c}' of the result occurs in no operand");
        if (terms.Length > 2) throw Wrong($"{terms.Length} operands, expected one or two");

        string left = terms[0], right = terms.Length > 1 ? terms[1] : "";
        Sums = [Summed(left, result + right), Summed(right, result + left)];
        (left, right) = (Kept(left, result + right), Kept(right, result + left));
        string batch = string.Concat(left.Where(c => right.Contains(c) && result.Contains(c))), inner = string.Concat(left.Where(c => right.Contains(c) && !result.Contains(c)));
        string rows = Without(left, batch + inner), columns = Without(right, batch + inner);
        (Batch, Rows, Inner, Columns) = (batch.Length, rows.Length, inner.Length, columns.Length);
        Orders = [Order(left, batch + rows + inner), Order(right, batch + inner + columns)];
        if (Batch + Rows + Columns > Shape.MaxRank) throw Wrong($"the result has {Batch + Rows + Columns} dimensions, expected at most {Shape.MaxRank}");
        // Of one operand everything that is left stands in the result.
        Result = terms.Length == 1 ? Order(left, result) : Order(batch + rows + columns, result);
    }

    /// <summary>For each operand the dimensions that nothing else has, last first.</summary>
    public int[][] Sums { get; }

    /// <summary>For each operand, after its sums, the order batch, rows, inner or batch, inner, columns.</summary>
    public int[][] Orders { get; }

    /// <summary>The result's order among batch, rows, columns.</summary>
    public int[] Result { get; }

    public int Batch { get; }

    public int Rows { get; }

    public int Inner { get; }

    public int Columns { get; }

    public static EinsumPlan Of(string equation) => Plans.GetOrAdd(equation, static text => new EinsumPlan(text));

    public void Check(ReadOnlySpan<Tensor> operands)
    {
        if (operands.Length != terms.Length) throw Wrong($"{operands.Length} tensors for {terms.Length} operands");
        for (int i = 0; i < operands.Length; i++)
            if (operands[i].Rank != terms[i].Length) throw Wrong($"\"{terms[i]}\" names {terms[i].Length} dimensions, the tensor has shape {operands[i].Shape}");
        if (operands.Length < 2) return;
        var (a, b) = (operands[0].Shape, operands[1].Shape);
        for (int d = 0; d < a.Rank; d++)
        {
            int other = terms[1].IndexOf(terms[0][d]);
            if (other >= 0 && a[d] != b[other]) throw Wrong($"'{terms[0][d]}' is {a[d]} in shape {a} and {b[other]} in shape {b}");
        }
    }

    private static int[] Summed(string letters, string others) => [.. Enumerable.Range(0, letters.Length).Where(d => !others.Contains(letters[d])).Reverse()];

    private static string Kept(string letters, string others) => string.Concat(letters.Where(others.Contains));

    private static string Without(string letters, string others) => string.Concat(letters.Where(c => !others.Contains(c)));

    private static int[] Order(string letters, string order) => [.. order.Select(c => letters.IndexOf(c))];

    private ArgumentException Wrong(string what) => new($"Einsum(\"{equation}\"): {what}");
}
