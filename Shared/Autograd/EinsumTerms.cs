using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>An equation of <c>Einsum</c>, taken apart: one letter for each dimension.</summary>
internal sealed record EinsumTerms(string Equation, string Left, string Right, string Result, int Operands)
{
    public static EinsumTerms Parse(string equation)
    {
        string plain = equation.Replace(" ", "", StringComparison.Ordinal);
        int arrow = plain.IndexOf("->", StringComparison.Ordinal);
        string[] sides = (arrow < 0 ? plain : plain[..arrow]).Split(',');
        string left = sides[0], right = sides.Length > 1 ? sides[1] : "", all = left + right;
        string result = arrow < 0 ? string.Concat(all.Where(c => all.IndexOf(c) == all.LastIndexOf(c)).Order()) : plain[(arrow + 2)..];
        foreach (string term in (ReadOnlySpan<string>)[left, right, result])
        {
            if (!term.All(char.IsAsciiLetter)) throw new ArgumentException($"Einsum(\"{equation}\"): expected letters, ',' and '->'");
            if (term.Distinct().Count() != term.Length) throw new ArgumentException($"Einsum(\"{equation}\"): a letter occurs twice in \"{term}\", expected once in each");
        }
        foreach (char c in result)
            if (!all.Contains(c)) throw new ArgumentException($"Einsum(\"{equation}\"): '{c}' of the result occurs in no operand");
        return new EinsumTerms(equation, left, right, result, sides.Length);
    }

    public void Check(string letters, Shape shape)
    {
        if (letters.Length != shape.Rank) throw new ArgumentException($"Einsum(\"{Equation}\"): \"{letters}\" names {letters.Length} dimensions, the tensor has shape {shape}");
    }

    public void CheckCommon(Shape a, Shape b)
    {
        for (int d = 0; d < Left.Length; d++)
        {
            int other = Right.IndexOf(Left[d]);
            if (other >= 0 && a[d] != b[other]) throw new ArgumentException($"Einsum(\"{Equation}\"): '{Left[d]}' is {a[d]} in shape {a} and {b[other]} in shape {b}");
        }
    }
}
