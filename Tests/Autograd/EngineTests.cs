using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Tests.Autograd;

/// <summary>What the engine promises beyond right gradients: clear errors, depth, hooks, memory.</summary>
public class EngineTests
{
    private readonly Parameter x = new(Tensor.From(1f, 2f, 3f));

    [Fact]
    public void A_second_backward_over_one_graph_says_what_to_do()
    {
        var loss = (x.Value * x.Value).Sum();
        loss.Backward();
        var error = Assert.Throws<InvalidOperationException>(() => loss.Backward());
        Assert.Contains("retainGraph: true", error.Message);
        Assert.Equal([2f, 4f, 6f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void With_retainGraph_a_second_backward_adds_the_gradient_again()
    {
        var loss = (x.Value * x.Value).Sum();
        loss.Backward(retainGraph: true);
        loss.Backward();
        Assert.Equal([4f, 8f, 12f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void A_root_of_several_elements_needs_a_gradient()
    {
        var y = x.Value * 2f;
        var error = Assert.Throws<InvalidOperationException>(() => y.Backward());
        Assert.Contains("[3]", error.Message);
        Assert.Contains("Sum() or Mean()", error.Message);
        Assert.Contains("[2]", Assert.Throws<ArgumentException>(() => y.Backward(Tensor.Ones([2]))).Message);
        y.Backward(Tensor.From(1f, 10f, 100f));
        Assert.Equal([2f, 20f, 200f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void A_failed_backward_leaves_the_engine_usable()
    {
        var y = x.Value.Exp();
        var loss = (y * 2f).Sum();
        using (GradMode.NoGrad()) y.ZeroInPlace();
        Assert.Throws<InvalidOperationException>(() => loss.Backward());
        x.ZeroGrad();
        (x.Value * 3f).Sum().Backward();
        Assert.Equal([3f, 3f, 3f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void A_graph_100000_operations_deep_runs_and_its_memory_can_be_collected()
    {
        var (alive, gradient) = Deep();
        Assert.Equal([1f, 1f, 1f], gradient);
        for (int i = 0; i < 3 && alive.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.False(alive.IsAlive);

        (WeakReference Middle, float[] Gradient) Deep()
        {
            var y = x.Value;
            GradNode? middle = null;
            for (int i = 0; i < 100_000; i++)
            {
                y = i % 2 == 0 ? y + 1f : -(-y);
                if (i == 50_000) middle = y.GradFn;
            }
            y.Sum().Backward();
            return (new WeakReference(middle), x.Grad!.Value.ToArray());
        }
    }

    [Fact]
    public void Backward_frees_saved_memory_as_it_goes()
    {
        var saved = new List<WeakReference>();
        int left = -1;
        var y = x.Value * 1f;
        y.RegisterHook(g =>
        {
            GC.Collect();
            left = saved.Count(memory => memory.IsAlive);
            return g;
        });
        Chain(y).Backward();
        // The first ones may still be on the stack.
        Assert.InRange(left, 0, 5);

        Tensor Chain(Tensor z)
        {
            for (int i = 0; i < 200; i++)
            {
                z = z.Exp();
                saved.Add(new WeakReference(z.Node.Storage));
                z = z.Log();
            }
            return z.Sum();
        }
    }

    [Fact]
    public void A_hook_on_a_leaf_sees_the_whole_gradient_once_and_may_replace_it()
    {
        var seen = new List<float[]>();
        x.Value.RegisterHook(g =>
        {
            seen.Add(g.ToArray());
            return g * 10f;
        });
        (x.Value * 2f + x.Value * 3f).Sum().Backward();
        Assert.Equal([5f, 5f, 5f], Assert.Single(seen));
        Assert.Equal([50f, 50f, 50f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void A_hook_inside_of_the_graph_changes_what_flows_on()
    {
        var y = x.Value * 2f;
        y.RegisterHook(g => g * 0f + 1f);
        (y * 100f).Sum().Backward();
        Assert.Equal([2f, 2f, 2f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void A_hook_that_returns_another_shape_is_named()
    {
        var y = x.Value * 2f;
        y.RegisterHook(g => g.Sum());
        var error = Assert.Throws<InvalidOperationException>(() => y.Sum().Backward());
        Assert.Contains("the gradient of Scale returned shape [], expected [3]", error.Message);
    }

    [Fact]
    public void RetainGrad_keeps_the_gradient_of_a_tensor_inside_of_the_graph()
    {
        var y = x.Value * 2f;
        y.RetainGrad();
        (y * y).Sum().Backward();
        Assert.Equal([4f, 8f, 12f], y.Grad!.Value.ToArray());
        Assert.Equal([8f, 16f, 24f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void EnableGrad_records_inside_of_NoGrad()
    {
        using var outer = GradMode.NoGrad();
        using (GradMode.EnableGrad()) Assert.NotNull((x.Value * 2f).GradFn);
        Assert.False(GradMode.IsEnabled);
        Assert.Null((x.Value * 2f).GradFn);
    }

    [Fact]
    public void Frozen_inputs_get_no_gradient()
    {
        var frozen = new Parameter(Tensor.From(5f, 6f, 7f)) { RequiresGrad = false };
        (x.Value * frozen.Value).Sum().Backward();
        Assert.Null(frozen.Grad);
        Assert.Equal([5f, 6f, 7f], x.Grad!.Value.ToArray());
    }

    [Fact]
    public void The_standard_deviation_of_equal_elements_has_no_slope()
    {
        var x = new Parameter(Tensor.From([3f, 3f, 3f, 1f, 2f, 3f], [2, 3]));
        x.Value.Std(1).Sum().Backward();
        Assert.Equal([0f, 0f, 0f, -0.5f, 0f, 0.5f], x.Grad!.Value.ToArray());
    }
}
