using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;

namespace DistTrain.Tests.Optim;

public class OptimizerTests
{
    [Fact]
    public void Each_group_has_its_own_learning_rate_and_options()
    {
        var (a, b) = (new Parameter(Tensor.From(1f, 2f)), new Parameter(Tensor.From(3f)));
        var optimizer = new SGD([new ParameterGroup<SGDOptions>([a], new SGDOptions(WeightDecay: 0.5), 0.1), new ParameterGroup<SGDOptions>([b], new SGDOptions(), 1.0)]);
        Backward(a, b);
        optimizer.Step();
        Assert.Equal([1f - 0.1f * (1f + 0.5f * 1f), 2f - 0.1f * (1f + 0.5f * 2f)], a.Value.ToArray());
        Assert.Equal([2f], b.Value.ToArray());
    }

    [Fact]
    public void A_frozen_parameter_does_not_move_even_with_weight_decay()
    {
        var (a, b) = (new Parameter(Tensor.From(1f, 2f)), new Parameter(Tensor.From(3f)));
        var optimizer = new AdamW([a, b], 0.1, new AdamWOptions(WeightDecay: 0.5));
        Backward(a, b);
        a.RequiresGrad = false;
        optimizer.Step();
        Assert.Equal([1f, 2f], a.Value.ToArray());
        Assert.NotEqual(3f, b.Value.Item());
    }

    [Fact]
    public void A_loaded_state_goes_on_bit_for_bit()
    {
        var (a, b) = (new Parameter(Tensor.From(1f, 2f)), new Parameter(Tensor.From(3f)));
        var first = new Adam([a, b], 0.1, new AdamOptions(AmsGrad: true));
        for (int i = 0; i < 3; i++) Step(first, a, b);
        first.LearningRate = 0.05;

        var (c, d) = (new Parameter(a), new Parameter(b));
        var second = new Adam([c, d], 0.7, new AdamOptions(AmsGrad: true));
        second.LoadStateDict(first.StateDict());
        Assert.Equal(0.05, second.LearningRate);
        for (int i = 0; i < 3; i++)
        {
            Step(first, a, b);
            Step(second, c, d);
        }
        Assert.Equal(a.Value.ToArray(), c.Value.ToArray());
        Assert.Equal(b.Value.ToArray(), d.Value.ToArray());
    }

    [Fact]
    public void A_state_of_other_options_or_parameters_is_refused()
    {
        var a = new Parameter(Tensor.From(1f, 2f));
        var b = new Parameter(Tensor.From(1f, 2f, 3f));
        Assert.Equal("SGD: the state of parameter 0 has no momentum_buffer", Message(() => new SGD([a], 0.1, 0.9).LoadStateDict(new SGD([a], 0.1).StateDict())));
        Assert.Equal("Adam: exp_avg of parameter 0 has 2 elements, the parameter of shape [3] has 3", Message(() => new Adam([b]).LoadStateDict(new Adam([a]).StateDict())));
        Assert.Equal("Adam: the state has 1 parameters, the optimizer 2", Message(() => new Adam([a, b]).LoadStateDict(new Adam([a]).StateDict())));
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        Parameter[] p = [new(Tensor.From(1f))];
        Assert.Equal("Adam: beta1 was 1, expected 0 or more and below 1", Message(() => new Adam(p, options: new AdamOptions(Beta1: 1))));
        Assert.Equal("AdamW: epsilon was NaN, expected a finite number of 0 or more", Message(() => new AdamW(p, options: new AdamWOptions(Epsilon: double.NaN))));
        Assert.Equal("SGD: the learning rate was NaN, expected a finite number of 0 or more", Message(() => new SGD(p, double.NaN)));
        Assert.Equal("SGD: the learning rate was -0.1, expected a finite number of 0 or more", Message(() => new SGD(p, 0.1) { LearningRate = -0.1 }));
        Assert.Equal("SGD: nesterov needs momentum above 0 and dampening 0, they were 0 and 0", Message(() => new SGD(p, 0.1, new SGDOptions(Nesterov: true))));
        Assert.Equal("RMSprop: weight decay was -1, expected a finite number of 0 or more", Message(() => new RMSprop(p, options: new RMSpropOptions(WeightDecay: -1))));
        Assert.Equal("Rprop: weight decay was 0.1, but Rprop has none: expected 0", Message(() => new RpropOptions { WeightDecay = 0.1 }));
        Assert.Equal("Adagrad: a parameter of shape [1] was given twice", Message(() => new Adagrad([p[0], p[0]])));
        Assert.Equal("Adadelta: no parameters were given", Message(() => new Adadelta([])));
    }

    private static string Message(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;

    private static void Backward(params Parameter[] parameters)
    {
        foreach (var parameter in parameters) parameter.Value.Sum().Backward();
    }

    private static void Step(Optimizer optimizer, params Parameter[] parameters)
    {
        optimizer.ZeroGrad();
        foreach (var parameter in parameters) (parameter.Value * parameter.Value).Sum().Backward();
        optimizer.Step();
    }
}
