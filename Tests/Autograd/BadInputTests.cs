using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Autograd;

/// <summary>Bad input to operations: the error names the operation, what it was given and what it wants.</summary>
public class BadInputTests
{
    private static readonly Tensor Matrix = Tensor.Ones([3, 4]);
    private static readonly Tensor Image = Tensor.Ones([2, 4, 5, 5]);
    private static readonly Tensor Labels = Tensor.From(0L, 1L, 2L);
    private static readonly Tensor Mask = Matrix > 0f;

    private static readonly Dictionary<string, (Action Act, string[] Named)> Table = new()
    {
        ["add: shapes"] = (() => Matrix.Add(Tensor.Ones([3])), ["Add", "[3, 4]", "[3]", "do not broadcast"]),
        ["mul: types"] = (() => Matrix.Mul(Labels), ["Mul", "[3]", "Int64", "Float32"]),
        ["maximum: shapes"] = (() => Matrix.Maximum(Tensor.Ones([2, 4])), ["Maximum", "[3, 4]", "[2, 4]"]),
        ["exp: type"] = (() => Labels.Exp(), ["Exp", "Int64", "Float32"]),
        ["gelu: type"] = (() => Mask.Gelu(), ["Gelu", "Bool", "Float32"]),
        ["sum: dimension"] = (() => Matrix.Sum(2), ["dimension 2", "[3, 4]", "-2 to 1"]),
        ["sum: dimension twice"] = (() => Matrix.Sum([0, -2]), ["Sum", "dimension 0", "[3, 4]", "twice"]),
        ["amax: nothing"] = (() => Tensor.Zeros([3, 0]).Amax(1), ["Amax", "[3, 0]", "at least one"]),
        ["softmax: dimension"] = (() => Matrix.Softmax(-3), ["dimension -3", "[3, 4]"]),
        ["topk: k"] = (() => Matrix.TopK(5), ["TopK", "5", "[3, 4]", "0 to 4"]),
        ["matmul: inner sizes"] = (() => Matrix.MatMul(Matrix), ["MatMul", "[3, 4]", "[*, K, N]"]),
        ["matmul: batches"] = (() => Tensor.Ones([2, 3, 4]).MatMul(Tensor.Ones([3, 4, 5])), ["MatMul", "[2]", "[3]"]),
        ["matmul: scalar"] = (() => Matrix.MatMul(Tensor.Scalar(1f)), ["MatMul", "[]", "at least one dimension"]),
        ["bmm"] = (() => Matrix.Bmm(Matrix), ["Bmm", "[3, 4]", "[B, M, K]"]),
        ["dot"] = (() => Matrix.Dot(Matrix), ["Dot", "[3, 4]", "two vectors"]),
        ["linear"] = (() => Matrix.Linear(Tensor.Ones([5, 3])), ["Linear", "[3, 4]", "[5, 3]", "[out, in]"]),
        ["linear: bias"] = (() => Matrix.Linear(Tensor.Ones([5, 4]), Tensor.Ones([4])), ["Linear", "bias [4]", "[5]"]),
        ["einsum: letters"] = (() => Tensor.Einsum("ij,jk->ik", Matrix, Matrix), ["Einsum", "ij,jk->ik", "'j'", "4", "3"]),
        ["einsum: rank"] = (() => Tensor.Einsum("ijk->i", Matrix), ["Einsum", "ijk", "[3, 4]"]),
        ["einsum: unknown letter"] = (() => Tensor.Einsum("ij->z", Matrix), ["Einsum", "'z'"]),
        ["reshape"] = (() => Matrix.Reshape(5, 2), ["Reshape", "[3, 4]", "12", "[5, 2]"]),
        ["reshape: two open"] = (() => Matrix.Reshape(-1, -1), ["Reshape", "only one"]),
        ["expand"] = (() => Matrix.Expand(3, 5), ["Expand", "[3, 4]", "5"]),
        ["permute"] = (() => Matrix.Permute(0), ["Permute", "[3, 4]", "all 2"]),
        ["narrow"] = (() => Matrix.Narrow(1, 3, 2), ["Narrow", "start 3", "length 2", "[3, 4]"]),
        ["select"] = (() => Matrix.Select(0, 3), ["Select", "index 3", "[3, 4]", "-3 to 2"]),
        ["index"] = (() => _ = Matrix[3], ["3", "[3, 4]"]),
        ["index: too many"] = (() => _ = Matrix[0, 0, 0], ["3 indices", "[3, 4]", "at most 2"]),
        ["index: range"] = (() => _ = Matrix[.., 2..6], ["2..6", "4 elements", "[3, 4]"]),
        ["cat"] = (() => Tensor.Cat([Matrix, Tensor.Ones([2, 3])], 1), ["Cat", "[3, 4]", "[2, 3]", "dimension 1"]),
        ["cat: nothing"] = (() => Tensor.Cat([]), ["Cat", "no tensors"]),
        ["cat: types"] = (() => Tensor.Cat([Matrix, Mask]), ["Cat", "Float32", "Bool"]),
        ["stack"] = (() => Tensor.Stack([Matrix, Matrix.T()]), ["Stack", "[3, 4]", "[4, 3]"]),
        ["split"] = (() => Matrix.Split([1, 1], 1), ["Split", "2", "4"]),
        ["chunk as three"] = (() => { var (_, _, _) = Matrix.Chunk(2, 1); }, ["2 parts", "3"]),
        ["pad"] = (() => Matrix.Pad([1, 2, 3]), ["Pad", "[3, 4]", "pairs"]),
        ["index_select: index"] = (() => Matrix.IndexSelect(0, Tensor.From(0L, 3L)), ["IndexSelect", "index 3", "position 1", "0 to 2"]),
        ["index_select: type"] = (() => Matrix.IndexSelect(0, Matrix), ["IndexSelect", "Float32", "Int64"]),
        ["gather: shape"] = (() => Matrix.Gather(1, Labels), ["Gather", "[3, 4]", "[3]"]),
        ["gather: index"] = (() => Matrix.Gather(1, Tensor.From([0L, -1L], [2, 1])), ["Gather", "index -1", "0 to 3"]),
        ["embedding"] = (() => Tensor.From(4L).Embedding(Matrix), ["Embedding", "index 4", "0 to 2"]),
        ["embedding: type"] = (() => Matrix.Embedding(Matrix), ["Embedding", "Float32", "Int64"]),
        ["where"] = (() => Tensor.Where(Matrix, Matrix, Matrix), ["Where", "Float32", "Bool"]),
        ["masked_fill"] = (() => Matrix.MaskedFill(Tensor.Ones([5]) > 0f, 0f), ["MaskedFill", "[3, 4]", "[5]"]),
        ["one_hot"] = (() => Labels.OneHot(2), ["OneHot", "index 2", "0 to 1"]),
        ["compare"] = (() => Matrix.Gt(Labels.Expand(4, 3)), ["Gt", "Float32", "Int64"]),
        ["logical"] = (() => _ = Mask & Matrix, ["LogicalAnd", "Float32", "Bool"]),
        ["conv2d"] = (() => Image.Conv2d(Tensor.Ones([6, 3, 3, 3])), ["Conv2d", "[2, 4, 5, 5]", "[6, 3, 3, 3]", "[O, C/groups, kH, kW]"]),
        ["conv2d: groups"] = (() => Image.Conv2d(Tensor.Ones([5, 2, 3, 3]), groups: 2), ["Conv2d", "5 channels", "2 groups"]),
        ["conv2d: bias"] = (() => Image.Conv2d(Tensor.Ones([6, 4, 3, 3]), Tensor.Ones([4])), ["Conv2d", "bias [4]", "[6]"]),
        ["conv2d: kernel"] = (() => Image.Conv2d(Tensor.Ones([6, 4, 7, 7])), ["7", "5"]),
        ["conv1d"] = (() => Image.Conv1d(Tensor.Ones([6, 4, 3])), ["Conv1d", "[2, 4, 5, 5]", "[N, C, L]"]),
        ["conv_transpose2d"] = (() => Image.ConvTranspose2d(Tensor.Ones([4, 2, 3, 3]), outputPadding: 1), ["ConvTranspose2d", "outputPadding", "1"]),
        ["max_pool2d"] = (() => Image.MaxPool2d(6), ["MaxPool2d", "[2, 4, 5, 5]", "6"]),
        ["avg_pool2d: padding"] = (() => Image.AvgPool2d(2, padding: 2), ["AvgPool2d", "padding", "half"]),
        ["pool: rank"] = (() => Matrix.MaxPool2d(2), ["MaxPool2d", "[3, 4]", "[N, C, H, W]"]),
        ["adaptive"] = (() => Image.AdaptiveAvgPool2d(0), ["AdaptiveAvgPool2d", "0", "at least 1"]),
        ["layer_norm"] = (() => Matrix.LayerNorm([3]), ["LayerNorm", "[3, 4]", "[3]"]),
        ["layer_norm: weight"] = (() => Matrix.LayerNorm([4], Tensor.Ones([3])), ["LayerNorm", "weight [3]", "[4]"]),
        ["rms_norm"] = (() => Matrix.RmsNorm([5]), ["RmsNorm", "[3, 4]", "[5]"]),
        ["group_norm"] = (() => Image.GroupNorm(3), ["GroupNorm", "4 channels", "3 groups"]),
        ["batch_norm: one value"] = (() => Tensor.Ones([1, 4]).BatchNorm(null, null, training: true), ["BatchNorm", "[1, 4]", "at least 2"]),
        ["batch_norm: no statistics"] = (() => Matrix.BatchNorm(null, null), ["BatchNorm", "running mean"]),
        ["attention"] = (() => Matrix.ScaledDotProductAttention(Tensor.Ones([3, 5]), Matrix), ["ScaledDotProductAttention", "[3, 4]", "[3, 5]", "[*, S, D]"]),
        ["attention: mask and causal"] = (() => Matrix.ScaledDotProductAttention(Matrix, Matrix, Mask, isCausal: true), ["ScaledDotProductAttention", "both"]),
        ["self-attention"] = (() => Tensor.Ones([2, 3, 8]).SelfAttention(2), ["SelfAttention", "[2, 3, 8]", "2 heads"]),
        ["cross_entropy: shapes"] = (() => Matrix.CrossEntropy(Tensor.From(0L, 1L)), ["CrossEntropy", "[3, 4]", "[2]", "[N, C] and [N]"]),
        ["cross_entropy: label"] = (() => Matrix.CrossEntropy(Tensor.From(0L, 4L, 1L)), ["CrossEntropy", "label 4", "position 1", "0 to 3"]),
        ["cross_entropy: negative label"] = (() => Matrix.CrossEntropy(Tensor.From(0L, 1L, -1L)), ["CrossEntropy", "label -1", "0 to 3"]),
        ["cross_entropy: type"] = (() => Matrix.CrossEntropy(Tensor.Ones([3])), ["CrossEntropy", "Float32", "Int64"]),
        ["cross_entropy: weight"] = (() => Matrix.CrossEntropy(Labels, weight: Tensor.Ones([3])), ["CrossEntropy", "[3]", "[4]"]),
        ["cross_entropy: smoothing"] = (() => Matrix.CrossEntropy(Labels, labelSmoothing: 1.5f), ["CrossEntropy", "1.5", "0 to 1"]),
        ["nll_loss"] = (() => Matrix.NllLoss(Tensor.From(0L, 9L, 1L)), ["NllLoss", "label 9", "0 to 3"]),
        ["mse_loss"] = (() => Matrix.MseLoss(Tensor.Ones([5])), ["MseLoss", "[3, 4]", "[5]"]),
        ["mse_loss: each with each"] = (() => Tensor.Ones([3, 1]).MseLoss(Tensor.Ones([3])), ["MseLoss", "[3, 1]", "[3]", "[3, 3]"]),
        ["binary_cross_entropy: each with each"] = (() => Tensor.Ones([3, 1]).BinaryCrossEntropyWithLogits(Tensor.Ones([3]), posWeight: Tensor.Ones([1])), ["BinaryCrossEntropyWithLogits", "[3, 1]", "[3]"]),
        ["cross_entropy: ignored probability"] = (() => Matrix.CrossEntropy(Matrix, ignoreIndex: 1), ["CrossEntropy", "ignoreIndex was 1", "probabilities"]),
        ["too large"] = (() => Tensor.Zeros([50000, 50000]), ["[50000, 50000]", "2147483647"]),
        ["huber_loss"] = (() => Matrix.HuberLoss(Matrix, delta: 0f), ["HuberLoss", "delta", "0"]),
        ["dropout"] = (() => Matrix.Dropout(float.NaN, default), ["Dropout", "NaN", "0 to 1"]),
        ["requires_grad"] = (() => Labels.RequiresGrad_(), ["RequiresGrad", "Int64", "Float32"]),
        ["item"] = (() => Matrix.Item(), ["Item()", "[3, 4]"]),
        ["data"] = (() => Tensor.From([1f, 2f], [3]), ["[3]", "3", "2"]),
    };

    public static TheoryData<string> Cases() => [.. Table.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_error_names_what_was_given_and_what_is_wanted(string name)
    {
        var (act, named) = Table[name];
        var error = Record.Exception(act);
        Assert.True(error is ArgumentException or InvalidOperationException, $"{error?.GetType().Name}: {error?.Message}");
        foreach (string part in named) Assert.Contains(part, error!.Message);
    }

    [Fact]
    public void A_size_of_zero_makes_any_shape_empty()
    {
        Assert.Equal(0, new Shape(50000, 50000, 50000, 50000, 0).Numel);
        Assert.Equal(int.MaxValue, new Shape(int.MaxValue, 1).Numel);
    }
}
