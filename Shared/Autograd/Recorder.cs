using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>Starts the record of an operation when one of its inputs needs a gradient.</summary>
internal static class Recorder
{
    /// <summary>The rule to fill with what backward needs; null when nothing is to be recorded.</summary>
    public static TRule? Record<TRule>(Tensor output, Tensor input) where TRule : Rule, new()
    {
        if (!GradMode.IsEnabled || !input.Node.RequiresGrad) return Unrecorded<TRule>(output, input);
        var rule = New<TRule>();
        rule.AddEdge(input);
        rule.Start(output);
        return rule;
    }

    /// <inheritdoc cref="Record{TRule}(Tensor, Tensor)"/>
    public static TRule? Record<TRule>(Tensor output, Tensor a, Tensor b) where TRule : Rule, new()
    {
        if (!GradMode.IsEnabled || !(a.Node.RequiresGrad || b.Node.RequiresGrad)) return Unrecorded<TRule>(output, a, b);
        var rule = New<TRule>();
        rule.AddEdge(a);
        rule.AddEdge(b);
        rule.Start(output);
        return rule;
    }

    /// <inheritdoc cref="Record{TRule}(Tensor, Tensor)"/>
    public static TRule? Record<TRule>(Tensor output, params ReadOnlySpan<Tensor> inputs) where TRule : Rule, new()
    {
        if (!GradMode.IsEnabled) return Unrecorded<TRule>(output, inputs);
        bool any = false;
        foreach (var input in inputs) any |= input.Node.RequiresGrad;
        if (!any) return null;
        var rule = New<TRule>();
        foreach (var input in inputs) rule.AddEdge(input);
        rule.Start(output);
        return rule;
    }

    /// <summary>Of what needs no gradient only those hear that ask for it.</summary>
    private static TRule? Unrecorded<TRule>(Tensor output, params ReadOnlySpan<Tensor> inputs) where TRule : Rule, new()
    {
        foreach (var input in inputs) Recomputation.Note(input);
        return Trace.Current?.Add(new TRule(), output, inputs);
    }

    internal static TRule New<TRule>() where TRule : Rule, new() => StepArena.Current is { } arena ? arena.RentGradNode<TRule>() : new TRule();
}
