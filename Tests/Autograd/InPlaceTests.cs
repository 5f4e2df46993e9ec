using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;

namespace DistTrain.Tests.Autograd;

/// <summary>Writing into a tensor: right gradients where that is possible, a clear error where it is not.</summary>
public class InPlaceTests
{
    private readonly Parameter x = new(Tensor.From(1f, -2f, 3f));

    [Fact]
    public void A_leaf_that_requires_a_gradient_is_changed_in_NoGrad_only()
    {
        var error = Assert.Throws<InvalidOperationException>(() => x.Value.AddInPlace(1f));
        Assert.Contains("a leaf that requires a gradient", error.Message);
        using (GradMode.NoGrad()) x.Value.AddInPlace(1f);
        Assert.Equal([2f, -1f, 4f], x.Value.ToArray());
    }

    [Fact]
    public void A_value_that_a_later_backward_needs_must_not_change()
    {
        var y = x.Value.Exp();
        var z = y * y;
        y.MulInPlace(2f);
        var error = Assert.Throws<InvalidOperationException>(() => z.Sum().Backward());
        Assert.Contains("Mul needs a tensor of shape [3] that was changed in place", error.Message);
    }

    [Fact]
    public void An_optimizer_step_between_forward_and_backward_is_noticed()
    {
        var optimizer = new SGD([x], learningRate: 0.1);
        var loss = (x.Value * x.Value).Sum();
        loss.Backward(retainGraph: true);
        optimizer.Step();
        var error = Assert.Throws<InvalidOperationException>(() => loss.Backward());
        Assert.Contains("changed in place after forward", error.Message);
    }

    [Fact]
    public void A_value_that_no_backward_needs_may_change()
    {
        var y = x.Value * 2f;
        var z = y + 1f;
        y.MulInPlace(100f);
        z.Sum().Backward();
        Assert.Equal([2f, 2f, 2f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void History_goes_on_through_operations_in_place()
    {
        var factor = new Parameter(Tensor.From(4f, 5f, 6f));
        var y = x.Value * 2f;
        y.AddInPlace(1f).MulInPlace(factor).SubInPlace(factor).DivInPlace(Tensor.Scalar(2f)).MulInPlace(3f).ReluInPlace();
        // relu(1.5·((2x + 1)·f − f)) = relu(3·x·f)
        Assert.Equal([12f, 0f, 54f], y.ToArray());
        y.Sum().Backward();
        Assert.Equal([12f, 0f, 18f], x.Grad!.Value.ToArray());
        Assert.Equal([3f, 0f, 9f], factor.Grad!.Value.ToArray());
    }

    [Fact]
    public void CopyFrom_and_ZeroInPlace_cut_the_old_value_off()
    {
        var source = new Parameter(Tensor.From(7f));
        var y = x.Value * 2f;
        y.CopyFrom(source);
        y.Sum().Backward();
        Assert.Equal([7f, 7f, 7f], y.ToArray());
        Assert.Equal([3f], source.Grad!.Value.ToArray());
        Assert.Null(x.Grad);

        var z = x.Value * 2f;
        z.ZeroInPlace();
        (z + x.Value).Sum().Backward();
        Assert.Equal([1f, 1f, 1f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void A_plain_tensor_takes_on_the_history_of_what_is_added_to_it()
    {
        var sum = Tensor.Zeros([3]);
        sum.AddInPlace(x.Value * 2f).AddInPlace(x, alpha: 3f);
        sum.Sum().Backward();
        Assert.Equal([5f, 5f, 5f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void A_tensor_that_outlives_a_step_forgets_the_step_history()
    {
        var sum = Tensor.Zeros([3]);
        var arena = new StepArena();
        for (int i = 0; i < 2; i++)
        {
            using var step = arena.BeginStep();
            sum.AddInPlace(x.Value * 2f);
            Assert.NotNull(sum.GradFn);
        }
        Assert.Null(sum.GradFn);
        Assert.False(sum.RequiresGrad);
        Assert.Equal([4f, -8f, 12f], sum.ToArray());
    }

    [Fact]
    public void Writing_through_a_view_where_gradients_are_recorded_is_an_error()
    {
        var y = x.Value * 2f;
        var error = Assert.Throws<InvalidOperationException>(() => y[1..].AddInPlace(1f));
        Assert.Contains("is a view", error.Message);
    }

    [Fact]
    public void A_view_made_before_its_tensor_changed_is_not_used_with_a_wrong_gradient()
    {
        var y = x.Value * 2f;
        var view = y[..2];
        y.MulInPlace(5f);
        var error = Assert.Throws<InvalidOperationException>(() => (view * 1f).Sum());
        Assert.Contains("changed in place since", error.Message);
        Assert.Equal(10f, y[0].Item());
    }

    [Fact]
    public void Strided_and_broadcast_writes_reach_the_right_elements()
    {
        var matrix = Tensor.Zeros([2, 3]);
        matrix.T().AddInPlace(Tensor.From(1f, 10f));
        Assert.Equal([1f, 1f, 1f, 10f, 10f, 10f], matrix.ToArray());
        matrix[.., 1] = Tensor.From(-1f, -2f);
        Assert.Equal([1f, -1f, 1f, 10f, -2f, 10f], matrix.ToArray());
        matrix.ClampInPlace(0f, 5f);
        Assert.Equal([1f, 0f, 1f, 5f, 0f, 5f], matrix.ToArray());
        Assert.Contains("does not broadcast to [2, 3]", Assert.Throws<ArgumentException>(() => matrix.AddInPlace(Tensor.Zeros([4, 2, 3]))).Message);
    }

    [Fact]
    public void Assigning_to_a_part_where_gradients_are_recorded_is_an_error()
    {
        var y = Tensor.Zeros([3]);
        var error = Assert.Throws<InvalidOperationException>(() => y[0] = x.Value[0]);
        Assert.Contains("not recorded", error.Message);
    }

    [Fact]
    public void A_factor_that_shares_the_memory_it_is_written_to_has_right_gradients()
    {
        var square = x.Value * 1f;
        square.MulInPlace(square).Sum().Backward();
        Assert.Equal([2f, -4f, 6f], x.Grad!.Value.ToArray());

        x.ZeroGrad();
        var ratio = x.Value * 1f;
        ratio.DivInPlace(ratio).Sum().Backward();
        Assert.Equal([0f, 0f, 0f], x.Grad!.Value.ToArray());

        x.ZeroGrad();
        var last = x.Value * 1f;
        last.MulInPlace(last[2..]);
        Assert.Equal([3f, -6f, 9f], last.ToArray());
        last.Sum().Backward();
        Assert.Equal([3f, 3f, 5f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void A_recorded_view_of_itself_can_be_added_to_a_tensor()
    {
        var y = x.Value * 1f;
        y.AddInPlace(y[..1]).SubInPlace(y[1..2]);
        // x + x₀, less the second of these, x₁ + x₀.
        Assert.Equal([3f, 0f, 5f], y.ToArray());
        (y * Tensor.From(1f, 2f, 4f)).Sum().Backward();
        Assert.Equal([1f, -5f, 4f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void Parts_of_a_tensor_that_lie_across_one_another_are_copied_and_added_as_if_they_did_not()
    {
        float[] numbers = [.. Enumerable.Range(0, 12).Select(i => (float)i)];
        float[] down = [0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        var copied = Tensor.From(numbers, [4, 3]);
        copied[1..].CopyFrom(copied[..3]);
        Assert.Equal(down, copied.ToArray());
        var assigned = Tensor.From(numbers, [4, 3]);
        assigned[1..] = assigned[..3];
        Assert.Equal(down, assigned.ToArray());
        var columns = Tensor.From(numbers, [4, 3]).To(DType.Int64);
        columns[.., 1..] = columns[.., ..2];
        Assert.Equal([0L, 0, 1, 3, 3, 4, 6, 6, 7, 9, 9, 10], columns.Contiguous().LongSpan.ToArray());
        var added = Tensor.From([.. Enumerable.Range(0, 100).Select(i => (float)i)], [100]);
        added[1..].AddInPlace(added[..99]);
        Assert.Equal([0f, .. Enumerable.Range(1, 99).Select(i => 2f * i - 1)], added.ToArray());
    }
}
