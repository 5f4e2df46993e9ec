using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Optim;

/// <summary>
/// Walks the parameters it was given and updates them from their <c>.Grad</c>. A parameter without a gradient, or one that is frozen (<c>RequiresGrad = false</c>), is left alone, by weight
/// decay too. Which arithmetic it does is its groups' <see cref="UpdateRule"/>'s; the same rules step a parameter server's part of a flat buffer.
/// </summary>
public class Optimizer
{
    private readonly ParameterGroup[] groups;
    private readonly List<Slot> slots = [];

    /// <summary>Makes an optimizer of one rule.</summary>
    /// <exception cref="ArgumentException">There is no parameter, or one is given twice; the learning rate is negative or not a number.</exception>
    public Optimizer(UpdateRule rule, IEnumerable<Parameter> parameters, double learningRate) : this(new ParameterGroup(parameters, learningRate, rule))
    {
    }

    /// <summary>Makes an optimizer of several groups, each with its own rule and learning rate.</summary>
    /// <exception cref="ArgumentException">There is no parameter, or one is given twice.</exception>
    public Optimizer(params IEnumerable<ParameterGroup> groups)
    {
        this.groups = [.. groups];
        var seen = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        foreach (var group in this.groups)
        {
            foreach (var parameter in group.Parameters)
            {
                if (!seen.Add(parameter)) throw new ArgumentException($"{group.Rule.Name}: a parameter of shape {parameter.Shape} was given twice");
                slots.Add(new Slot(parameter, group));
            }
        }
        if (slots.Count == 0) throw new ArgumentException($"{(this.groups.Length > 0 ? this.groups[0].Rule.Name : GetType().Name)}: no parameters were given");
    }

    /// <summary>The groups of parameters.</summary>
    public IReadOnlyList<ParameterGroup> Groups => groups;

    /// <summary>The arithmetic of the first group.</summary>
    public UpdateRule Rule => groups[0].Rule;

    /// <summary>The rate of the steps to come, 0 or more: the first group's; setting it sets all groups'.</summary>
    public double LearningRate
    {
        get => groups[0].LearningRate;
        set
        {
            foreach (var group in groups) group.LearningRate = value;
        }
    }

    /// <summary>Updates every parameter that has a gradient.</summary>
    public void Step()
    {
        foreach (var slot in slots)
        {
            if (slot.Parameter.Value.Node is not { HasGrad: true, RequiresGrad: true } node) continue;
            slot.State ??= NewState(slot);
            slot.Steps++;
            var values = slot.Parameter.Span;
            slot.Group.Rule.Apply(slot.Steps, slot.Group.LearningRate, 1f, values, TensorMemory.Floats(node.Grad!), new StateSlices(slot.State, 0, values.Length), values);
            node.Storage.Version++;
        }
    }

    /// <summary>Forgets the gradients of its parameters.</summary>
    public void ZeroGrad()
    {
        foreach (var slot in slots) slot.Parameter.ZeroGrad();
    }

    /// <summary>A copy of the optimizer's memory: each parameter's steps and state buffers, and the groups' learning rates.</summary>
    public OptimizerState StateDict() => new(
        [.. slots.Select(slot => new ParameterState(slot.Steps, slot.Group.Rule.StateNames.Select((name, i) => (name, slot.State?[i].Span.ToArray() ?? new float[slot.Parameter.Numel])).ToDictionary(s => s.name, s => s.Item2)))],
        [.. groups.Select(group => group.LearningRate)],
        groups.Any(group => group.InitialLearningRate is not null) ? [.. groups.Select(group => group.InitialLearningRate)] : null);

    /// <summary>Takes over what <see cref="StateDict"/> of an optimizer with the same parameters and options gave.</summary>
    /// <exception cref="ArgumentException">Its parameters, groups or state buffers are others; nothing is changed then.</exception>
    public void LoadStateDict(OptimizerState state)
    {
        OptionCheck.Require(state.Parameters.Count == slots.Count, Rule.Name, $"the state has {state.Parameters.Count} parameters, the optimizer {slots.Count}");
        OptionCheck.Require(state.LearningRates.Count == groups.Length, Rule.Name, $"the state has {state.LearningRates.Count} parameter groups, the optimizer {groups.Length}");
        OptionCheck.Require(state.InitialRates is null || state.InitialRates.Count == groups.Length, Rule.Name, $"the state has initial rates of {state.InitialRates?.Count} parameter groups, the optimizer {groups.Length}");
        for (int i = 0; i < slots.Count; i++) Check(slots[i], state.Parameters[i], i);
        for (int i = 0; i < groups.Length; i++) (groups[i].LearningRate, groups[i].InitialLearningRate) = (state.LearningRates[i], state.InitialRates?[i]);
        for (int i = 0; i < slots.Count; i++)
        {
            var slot = slots[i];
            slot.Steps = state.Parameters[i].Step;
            slot.State = NewState(slot);
            for (int s = 0; s < slot.State.Length; s++) state.Parameters[i].Buffers[slot.Group.Rule.StateNames[s]].CopyTo(slot.State[s].Span);
        }
    }

    private static void Check(Slot slot, ParameterState state, int index)
    {
        var rule = slot.Group.Rule;
        foreach (string name in rule.StateNames)
        {
            OptionCheck.Require(state.Buffers.TryGetValue(name, out float[]? values), rule.Name, $"the state of parameter {index} has no {name}");
            OptionCheck.Require(values!.Length == slot.Parameter.Numel, rule.Name, $"{name} of parameter {index} has {values.Length} elements, the parameter of shape {slot.Parameter.Shape} has {slot.Parameter.Numel}");
        }
        OptionCheck.Require(state.Buffers.Count == rule.StateNames.Count, rule.Name, $"the state of parameter {index} has buffers {string.Join(", ", state.Buffers.Keys)}, expected {string.Join(", ", rule.StateNames)}");
    }

    private static FloatBuffer[] NewState(Slot slot)
    {
        var state = new FloatBuffer[slot.Group.Rule.StateNames.Count];
        for (int i = 0; i < state.Length; i++) state[i] = new FloatBuffer(slot.Parameter.Numel);
        return state;
    }

    private sealed class Slot(Parameter parameter, ParameterGroup group)
    {
        public readonly Parameter Parameter = parameter;
        public readonly ParameterGroup Group = group;
        public FloatBuffer[]? State;
        public long Steps;
    }
}
