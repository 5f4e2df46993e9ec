using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Golden;

/// <summary>Every operation that there are figures for, used as a training step uses it.</summary>
public class OperationAllocationTests
{
    public static TheoryData<string> Files() => [.. GoldenFiles.Of("ops")];

    [Theory]
    [MemberData(nameof(Files))]
    public void Forward_and_backward_in_a_step_allocate_nothing(string file)
    {
        var figure = GoldenFiles.Read("ops/" + file);
        var run = new OperationRun(figure);
        var gradient = Figure.Tensor(figure.GetProperty("grad_output"));
        var arena = new StepArena();
        for (int i = 0; i < 3; i++) Step();

        // A tiered recompilation may allocate on this thread once; a rule that allocates does so every time.
        long least = long.MaxValue;
        for (int i = 0; i < 5 && least > 0; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Step();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.Equal(0, least);

        void Step()
        {
            run.ZeroGrad();
            using var step = arena.BeginStep();
            run.Apply().Backward(gradient);
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Inputs_that_are_not_contiguous_give_the_same_figures(string file)
    {
        var figure = GoldenFiles.Read("ops/" + file);
        var run = new OperationRun(figure, strided: true);
        using var step = new StepArena().BeginStep();
        var output = run.Apply();
        Figure.Close(figure.GetProperty("output"), output, "output");
        output.Backward(Figure.Tensor(figure.GetProperty("grad_output")));
        run.CheckGradients();
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void A_second_backward_adds_the_same_gradient_again(string file)
    {
        var figure = GoldenFiles.Read("ops/" + file);
        var run = new OperationRun(figure);
        var output = run.Apply();
        var gradient = Figure.Tensor(figure.GetProperty("grad_output"));
        output.Backward(gradient, retainGraph: true);
        var once = run.Gradients();
        output.Backward(gradient);
        foreach (var (first, twice) in once.Zip(run.Gradients()))
            foreach (var (a, b) in first.Zip(twice)) Assert.Equal(2f * a, b, 1e-5f + 1e-5f * Math.Abs(a));
    }
}
