using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Tests.Autograd;

/// <summary>Int64 and Bool tensors, comparisons, indices and ways to make tensors.</summary>
public class TypesTests
{
    private static readonly Tensor Numbers = Tensor.From([1L, 2L, 3L, 4L, 5L, 6L], [2, 3]);

    [Fact]
    public void Integers_are_added_and_multiplied_exactly_with_broadcasting()
    {
        Assert.Equal([11L, 22L, 33L, 14L, 25L, 36L], (Numbers + Tensor.From(10L, 20L, 30L)).ToLongArray());
        Assert.Equal([0L, 1L, 2L, 3L, 4L, 5L], (Numbers - 1f).ToLongArray());
        Assert.Equal([(1L << 40) + 1], (Tensor.From(1L << 20) * Tensor.From(1L << 20) + 1f).ToLongArray());
        Assert.Equal(21f, Numbers.Sum().Item());
        Assert.Contains("whole", Assert.Throws<ArgumentException>(() => Numbers * 0.5f).Message);
    }

    [Fact]
    public void Comparisons_give_masks_that_are_joined_and_counted()
    {
        var x = Tensor.From(-1f, 0f, 1f, float.NaN);
        Assert.Equal([true, false, false, false], (x < 0f).ToBoolArray());
        Assert.Equal([false, true, true, false], (x >= 0f).ToBoolArray());
        Assert.Equal([false, true, false, false], ((x >= 0f) & (x <= 0f)).ToBoolArray());
        Assert.Equal([true, true, true, false], ((x > 0f) | !(x > 0f) & x.Eq(x)).ToBoolArray());
        Assert.Equal([true, false, true, true], x.Ne(0f).ToBoolArray());
        Assert.Equal([false, false, false, true], (x.Ne(x) ^ (x > 5f)).ToBoolArray());
        Assert.Equal(2f, (x >= 0f).Sum().Item());
        Assert.Equal(0.5f, (x >= 0f).Float().Mean().Item());
        Assert.True((x > 0f).Any());
        Assert.False((x > 0f).All());
        Assert.Equal([true, false, true], Tensor.From(3L, 4L, 5L).Ne(Tensor.From(4L)).ToBoolArray());
        Assert.Equal([true, false], Tensor.From([true, false], [2]).Eq(Tensor.From([true], [1])).ToBoolArray());
    }

    [Fact]
    public void Ranges_and_indices_take_parts()
    {
        Assert.Equal([4L, 5L, 6L], Numbers[1].ToLongArray());
        Assert.Equal([5L, 6L], Numbers[^1, 1..].ToLongArray());
        Assert.Equal([3L, 6L], Numbers[.., -1].ToLongArray());
        Assert.Equal(Shape.Scalar, Numbers[0, 0].Shape);
        Assert.Equal([0, 3], Numbers[1..1].Shape.ToArray());
        Assert.Equal([3L, 6L, 2L, 5L], Numbers.IndexSelect(1, Tensor.From(2L, 1L)).T().ToLongArray());
        Assert.Equal([1f, 2f, 3f], Numbers.Float().MaskedSelect(Tensor.From([true, false], [2, 1]).Expand(2, 3) & (Numbers.Float() <= 5f)).ToArray());
    }

    [Fact]
    public void One_hot_and_conversions()
    {
        Assert.Equal([0L, 0L, 1L, 1L, 0L, 0L], Tensor.From(2L, 0L).OneHot().ToLongArray());
        Assert.Equal([2, 2, 5], Tensor.From([1L, 0L, 3L, 4L], [2, 2]).OneHot(5).Shape.ToArray());
        Assert.Equal([1L, -1L, 0L], Tensor.From(1.9f, -1.9f, 0.5f).Long().ToLongArray());
        Assert.Equal([1f, 0f], Tensor.From(7L, 0L).Bool().Float().ToArray());
    }

    [Fact]
    public void Triangles_and_other_tensors_to_begin_with()
    {
        Assert.Equal([1f, 0f, 0f, 1f, 1f, 0f], Tensor.Ones([2, 3]).Tril().ToArray());
        Assert.Equal([0f, 1f, 1f, 0f, 0f, 1f], Tensor.Ones([2, 3]).Triu(1).ToArray());
        Assert.Equal([1f, 0f, 0f, 1f], Tensor.Eye(2).ToArray());
        Assert.Equal([5L, 3L], Tensor.Arange(5, 2, -2).ToLongArray());
        Assert.Equal([2L, 4L], Tensor.Arange(2, 6, 2).ToLongArray());
        Assert.Equal([0f, 0.25f, 0.5f, 0.75f, 1f], Tensor.Linspace(0f, 1f, 5).ToArray());
        Assert.Equal([0f, 0f], Tensor.ZerosLike(Tensor.Ones([2])).ToArray());
    }

    [Fact]
    public void Random_tensors_repeat_after_a_seed_and_stay_in_their_range()
    {
        RandomSource.ManualSeed(5);
        Tensor normal = Tensor.Randn([4, 100]), uniform = Tensor.Rand([400]), whole = Tensor.Randint(-2, 3, [400]), order = Tensor.Randperm(50);
        Assert.InRange(normal.Mean().Item(), -0.2f, 0.2f);
        Assert.InRange(normal.Std().Item(), 0.85f, 1.15f);
        Assert.True(((uniform >= 0f) & (uniform < 1f)).All());
        Assert.Equal([-2L, -1L, 0L, 1L, 2L], whole.ToLongArray().Distinct().Order());
        Assert.Equal(Enumerable.Range(0, 50).Select(i => (long)i), order.ToLongArray().Order());
        RandomSource.ManualSeed(5);
        Assert.Equal(normal.ToArray(), Tensor.Randn([4, 100]).ToArray());
    }

    [Fact]
    public void Empty_and_scalar_tensors_go_through_every_kind_of_operation()
    {
        var (none, one) = (Tensor.Zeros([0, 3]).RequiresGrad_(), Tensor.Scalar(2f).RequiresGrad_());
        var joined = Tensor.Cat([none * 2f, none.Exp()], 0).Linear(Tensor.Ones([4, 3])).Softmax(-1).MatMul(Tensor.Ones([4, 2])).Relu();
        Assert.Equal([0, 2], joined.Shape.ToArray());
        joined.Sum().Backward();
        Assert.Equal([0, 3], none.Grad!.Value.Shape.ToArray());
        Assert.Equal([0f, 0f, 0f], none.Sum(0).ToArray());
        Assert.True(float.IsNaN(none.Mean().Item()));
        Assert.Equal([0f, 0f, 0f, 0f], Tensor.Zeros([2, 0]).MatMul(Tensor.Zeros([0, 2])).ToArray());

        var y = (one.Softmax(0) + one.Sum(0) + one.Amax(-1) + one.Cumsum(0) + one.Prod() + one.LogSumExp(0) + one.Flatten()[0] + one.Unsqueeze(0).Squeeze() + one.Expand(3).Mean()) * one;
        y.Backward();
        Assert.Equal(2f * 17f, y.Item());
        Assert.Equal(17f + 2f * 8f, one.Grad!.Value.Item());
    }
}
