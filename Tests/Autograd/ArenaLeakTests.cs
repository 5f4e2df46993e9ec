using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Nn.Models;
using DistTrain.Tensors;

namespace DistTrain.Tests.Autograd;

/// <summary>A debug build's arena knows when a step ended with something still out.</summary>
public class ArenaLeakTests
{
    private readonly StepArena arena = new();

    [Theory]
    [InlineData("mlp")]
    [InlineData("cnn")]
    [InlineData("char-gpt")]
    public void Steps_of_a_model_leak_nothing(string name)
    {
        bool text = name == "char-gpt";
        int[] shape = text ? [64] : name == "cnn" ? [1, 28, 28] : [784];
        var model = NamedModels.Find(name).Build(new ModelOptions(shape, 10));
        var loss = new CrossEntropyLoss();
        for (int step = 0; step < 2; step++)
        {
            using (arena.BeginStep())
            {
                var input = text ? Tensor.From(new long[2 * 64], new Shape(2, 64)) : Tensor.Zeros(new Shape([2, .. shape]));
                var output = step == 0 ? model.Forward(input) : Checkpoint.Run(model.Forward, input);
                loss.Compute(output, Tensor.From(new long[text ? 128 : 2], text ? new Shape(2, 64) : new Shape(2))).Backward();
            }
            Assert.Equal(0, arena.Leaks);
        }
    }

    [Fact]
    public void The_bytes_of_an_arena_are_those_of_what_was_lent_at_once()
    {
        for (int step = 0; step < 2; step++)
        {
            using (arena.BeginStep()) Tensor.Zeros([64]).To(DType.Int64);
            Assert.Equal(64 * (sizeof(float) + sizeof(long)), arena.Bytes);
        }
    }

    [SkippableFact]
    public void Tensors_of_a_part_of_a_step_that_was_not_given_back_are_counted()
    {
        RequireDebug();
        long before = StepArena.LeaksOfProcess;
        using (arena.BeginStep())
        {
            Tensor.Zeros(new Shape(3)).Relu();
            arena.TakeMark();
            Tensor.Zeros(new Shape(4)).Relu();
        }
        Assert.Equal(2, arena.Leaks);
        Assert.True(StepArena.LeaksOfProcess >= before + 2, "the process counts what its arenas count");
        using (arena.BeginStep()) Tensor.Zeros(new Shape(3)).Relu();
        Assert.Equal(2, arena.Leaks);
    }

    [SkippableFact]
    public void Memory_that_does_not_come_back_to_the_pool_is_counted()
    {
        RequireDebug();
        using (arena.BeginStep()) arena.RentStorage(DType.Float32, 100).Lent = false;
        Assert.Equal(1, arena.Leaks);
    }

    [SkippableFact]
    public void A_tensor_that_outlives_the_step_on_the_steps_memory_is_counted()
    {
        RequireDebug();
        var persistent = TensorMemory.EmptyPersistent(new Shape(100)).Node;
        using (arena.BeginStep())
        {
            persistent.Storage = arena.RentStorage(DType.Float32, 100);
            arena.Adopt(persistent);
        }
        Assert.Equal(1, arena.Leaks);
    }

    private static void RequireDebug()
    {
#if !DEBUG
        Skip.If(true, "leaks are counted in debug builds alone");
#endif
    }
}
