using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Optim;

/// <summary>
/// Walks the parameters it was given and updates them from their <c>.Grad</c>. A parameter without a gradient is left alone. Which arithmetic it does is its
/// <see cref="UpdateRule"/>'s; the same rule steps a parameter server's part of a flat buffer.
/// </summary>
public class Optimizer
{
    private readonly List<Slot> slots = [];

    /// <summary>Makes an optimizer of one rule.</summary>
    /// <exception cref="ArgumentException">There is no parameter, or one is given twice; the learning rate is negative or not a number.</exception>
    public Optimizer(UpdateRule rule, IEnumerable<Parameter> parameters, double learningRate)
    {
        if (!(learningRate >= 0) || double.IsInfinity(learningRate)) throw new ArgumentException($"{rule.Name}: the learning rate was {learningRate}, expected a finite number of 0 or more");
        Rule = rule;
        LearningRate = learningRate;
        var seen = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        foreach (var parameter in parameters)
        {
            if (!seen.Add(parameter)) throw new ArgumentException($"{rule.Name}: a parameter of shape {parameter.Shape} was given twice");
            slots.Add(new Slot(parameter));
        }
        if (slots.Count == 0) throw new ArgumentException($"{rule.Name}: no parameters were given");
    }

    /// <summary>The arithmetic.</summary>
    public UpdateRule Rule { get; }

    /// <summary>The rate of the steps to come, 0 or more.</summary>
    public double LearningRate { get; set; }

    /// <summary>Updates every parameter that has a gradient.</summary>
    public void Step()
    {
        foreach (var slot in slots)
        {
            if (slot.Parameter.Value.Node is not { HasGrad: true } node) continue;
            slot.State ??= NewState(slot.Parameter.Numel);
            slot.Steps++;
            var values = slot.Parameter.Span;
            Rule.Apply(slot.Steps, LearningRate, 1f, values, TensorMemory.Floats(node.Grad!), new StateSlices(slot.State, 0, values.Length), values);
            node.Storage.Version++;
        }
    }

    /// <summary>Forgets the gradients of its parameters.</summary>
    public void ZeroGrad()
    {
        foreach (var slot in slots) slot.Parameter.ZeroGrad();
    }

    private FloatBuffer[] NewState(int length)
    {
        var state = new FloatBuffer[Rule.StateNames.Count];
        for (int i = 0; i < state.Length; i++)
        {
            state[i] = new FloatBuffer(length);
            if (Rule.InitialState(i) != 0f) state[i].Span.Fill(Rule.InitialState(i));
        }
        return state;
    }

    private sealed class Slot(Parameter parameter)
    {
        public readonly Parameter Parameter = parameter;
        public FloatBuffer[]? State;
        public long Steps;
    }
}
