using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Autograd;

/// <summary>What passes between <c>loss.Backward()</c> and <c>optimizer.Step()</c>: the <c>.Grad</c> buffers and nothing else.</summary>
public class TwoLinesTests
{
    [Fact]
    public void Backward_leaves_the_gradient_in_Grad_and_Step_reads_it()
    {
        var x = new Parameter(Tensor.From(1f, 2f));
        var optimizer = new SGD([x], learningRate: 0.001);
        var y = 100f * x.Value;
        var loss = y.Sum();
        Assert.Null(x.Grad);

        loss.Backward();
        Assert.Equal([100f, 100f], x.Grad!.Value.ToArray());

        optimizer.Step();
        Assert.Equal([0.9f, 1.9f], x.Value.ToArray());
    }

    [Fact]
    public void Only_leaves_get_a_gradient()
    {
        var (x, y) = (new Parameter(Tensor.Scalar(1f)), new Parameter(Tensor.Scalar(2f)));
        var optimizer = new SGD([x, y], learningRate: 0.1);
        var z = 3f * x.Value.Pow(2) + y.Value.Pow(3);

        z.Backward();
        Assert.Equal(6f, x.Grad!.Value.Item());
        Assert.Equal(12f, y.Grad!.Value.Item());
        Assert.Null(z.Grad);
        Assert.False(z.IsLeaf);

        optimizer.Step();
        Assert.Equal(0.4f, x.Value.Item(), 1e-6f);
        Assert.Equal(0.8f, y.Value.Item(), 1e-6f);
    }

    [Fact]
    public void A_second_backward_without_ZeroGrad_accumulates()
    {
        var x = new Parameter(Tensor.From(1f, 2f));
        (100f * x.Value).Sum().Backward();
        (100f * x.Value).Sum().Backward();
        Assert.Equal([200f, 200f], x.Grad!.Value.ToArray());

        x.ZeroGrad();
        Assert.Null(x.Grad);
        (100f * x.Value).Sum().Backward();
        Assert.Equal([100f, 100f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void A_gradient_that_was_kept_is_not_overwritten_by_the_next()
    {
        var x = new Parameter(Tensor.From(1f, 2f));
        (100f * x.Value).Sum().Backward();
        var kept = x.Grad!.Value;
        x.ZeroGrad();
        (7f * x.Value).Sum().Backward();
        Assert.Equal([100f, 100f], kept.ToArray());
    }

    [Fact]
    public void GradFn_names_the_operation_and_is_null_for_leaves()
    {
        var x = new Parameter(Tensor.From(1f, 2f));
        Assert.Null(x.Value.GradFn);
        Assert.Equal("Mul", (x.Value * x.Value).GradFn!.Name);
        Assert.Equal("Relu", x.Value.Relu().GradFn!.Name);
        Assert.Null(Tensor.From(1f, 2f).Relu().GradFn);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Nothing_upstream_of_Detach_gets_a_gradient_and_no_weight_moves(bool cloneFirst)
    {
        var (weight, other) = (new Parameter(Tensor.From(2f)), new Parameter(Tensor.From(5f)));
        var optimizer = new SGD([weight, other], learningRate: 0.1);
        var prediction = weight.Value * Tensor.From(3f);
        var cut = cloneFirst ? prediction.Clone().Detach() : prediction.Detach();
        Assert.Null(cut.GradFn);
        Assert.False(cut.RequiresGrad);

        (cut * other.Value).Sum().Backward();
        optimizer.Step();

        Assert.Null(weight.Grad);
        Assert.Equal(2f, weight.Value.Item());
        Assert.Equal(5f - 0.1f * 6f, other.Value.Item());
    }

    [Fact]
    public void Backward_on_something_that_nothing_requires_a_gradient_of_says_so()
    {
        var loss = (Tensor.From(1f, 2f) * 3f).Sum();
        var error = Assert.Throws<InvalidOperationException>(() => loss.Backward());
        Assert.Contains("requires no gradient", error.Message);
    }

    [Fact]
    public void NoGrad_records_nothing()
    {
        var x = new Parameter(Tensor.From(1f, 2f));
        Tensor y;
        using (GradMode.NoGrad()) y = x.Value * 2f;
        Assert.Null(y.GradFn);
        Assert.False(y.RequiresGrad);
        Assert.NotNull((x.Value * 2f).GradFn);
    }

    [Fact]
    public void Parameters_laid_into_a_flat_buffer_after_the_optimizer_was_built_are_still_the_ones_it_updates()
    {
        RandomSource.ManualSeed(3);
        var model = new Sequential(new Linear(4, 3), new ReLU(), new Linear(3, 2));
        var optimizer = new SGD(model.Parameters(), learningRate: 0.1, momentum: 0.9);
        var before = model.Parameters().Select(p => p.Value.ToArray()).ToArray();

        var flat = new FlatModel(model);
        var (data, gradient) = (flat.CopyValues(), new FloatBuffer(flat.Layout.Length));
        flat.Bind(data, gradient);
        Assert.Equal(before, model.Parameters().Select(p => p.Value.ToArray()));

        model.Forward(Tensor.Ones([2, 4])).Sum().Backward();
        optimizer.Step();

        Assert.Contains(gradient.Span.ToArray(), g => g != 0f);
        foreach (var (parameter, old, entry) in model.Parameters().Zip(before, flat.Layout.Parameters))
        {
            Assert.Equal(parameter.Value.ToArray(), data.Slice(entry.Offset, entry.Length).ToArray());
            Assert.Equal(parameter.Grad!.Value.ToArray(), gradient.Slice(entry.Offset, entry.Length).ToArray());
        }
        Assert.NotEqual(before[2], model.Parameters()[2].Value.ToArray());
    }
}
