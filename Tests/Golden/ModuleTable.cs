using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Nn.Models;
using DistTrain.Tensors;

namespace DistTrain.Tests.Golden;

/// <summary>How a figure's module is called: with its inputs, to its outputs.</summary>
internal sealed record Callable(Module Module, Func<Tensor[], Tensor[]> Call)
{
    public static Callable Plain(Module module) => new(module, x => [module.Forward(x[0])]);
}

/// <summary>Modules by PyTorch's names, made from PyTorch's arguments.</summary>
internal static class ModuleTable
{
    private static readonly Dictionary<string, Func<Attributes, Callable>> Table = new()
    {
        ["Linear"] = a => Callable.Plain(new Linear(a.Int("in_features"), a.Int("out_features"), a.Bool("bias", true))),
        ["Conv1d"] = a => Callable.Plain(new Conv1d(
            a.Int("in_channels"), a.Int("out_channels"), a.Int("kernel_size"), a.Int("stride", 1), a.Int("padding"), a.Int("dilation", 1), a.Int("groups", 1), a.Bool("bias", true))),
        ["Conv2d"] = a => Callable.Plain(new Conv2d(
            a.Int("in_channels"), a.Int("out_channels"), a.Pair("kernel_size", 1), a.Pair("stride", 1), a.Pair("padding", 0), a.Pair("dilation", 1), a.Int("groups", 1), a.Bool("bias", true))),
        ["ConvTranspose2d"] = a => Callable.Plain(new ConvTranspose2d(
            a.Int("in_channels"), a.Int("out_channels"), a.Pair("kernel_size", 1), a.Pair("stride", 1), a.Pair("padding", 0), a.Pair("output_padding", 0), a.Int("groups", 1), a.Bool("bias", true), a.Pair("dilation", 1))),
        ["BatchNorm1d"] = a => Callable.Plain(new BatchNorm1d(a.Int("num_features"), a.Double("eps", 1e-5), Momentum(a), a.Bool("affine", true), a.Bool("track_running_stats", true))),
        ["BatchNorm2d"] = a => Callable.Plain(new BatchNorm2d(a.Int("num_features"), a.Double("eps", 1e-5), Momentum(a), a.Bool("affine", true), a.Bool("track_running_stats", true))),
        ["LayerNorm"] = a => Callable.Plain(new LayerNorm(new Shape(a.Ints("normalized_shape")), a.Double("eps", 1e-5))),
        ["RMSNorm"] = a => Callable.Plain(new RMSNorm(new Shape(a.Ints("normalized_shape")), a.Has("eps") ? a.Double("eps") : null)),
        ["GroupNorm"] = a => Callable.Plain(new GroupNorm(a.Int("num_groups"), a.Int("num_channels"), a.Double("eps", 1e-5))),
        ["Embedding"] = a => Callable.Plain(new Embedding(a.Int("num_embeddings"), a.Int("embedding_dim"), a.Has("padding_idx") ? a.Int("padding_idx") : null)),
        ["LSTM"] = a => Of(new LSTM(a.Int("input_size"), a.Int("hidden_size"), a.Int("num_layers", 1), a.Bool("bias", true), a.Bool("batch_first"), a.Float("dropout"), a.Bool("bidirectional"))),
        ["GRU"] = a => Of(new GRU(a.Int("input_size"), a.Int("hidden_size"), a.Int("num_layers", 1), a.Bool("bias", true), a.Bool("batch_first"), a.Float("dropout"), a.Bool("bidirectional"))),
        ["MultiheadAttention"] = a => Of(new MultiheadAttention(a.Int("embed_dim"), a.Int("num_heads"), a.Float("dropout"), a.Bool("bias", true), a.Bool("batch_first"))),
        ["TransformerEncoderLayer"] = a => Of(new TransformerEncoderLayer(
            a.Int("d_model"), a.Int("nhead"), a.Int("dim_feedforward", 2048), a.Float("dropout", 0.1), a.Text("activation", "relu") == "gelu" ? FeedForwardActivation.Gelu : FeedForwardActivation.Relu,
            a.Double("layer_norm_eps", 1e-5), a.Bool("batch_first"), a.Bool("norm_first"))),
        ["CharGpt"] = a => Callable.Plain(new CharGpt(a.Int("vocabulary"), a.Int("context"), a.Int("layers"), a.Int("heads"), a.Int("width"))),
    };

    public static Callable Make(string name, Attributes arguments) =>
        Table.TryGetValue(name, out var make) ? make(arguments) : throw new NotSupportedException($"there is no module called {name}");

    private static double? Momentum(Attributes a) => !a.Has("momentum") ? 0.1 : a.Doubles("momentum") is [var share] ? share : null;

    private static Callable Of(LSTM lstm) => new(lstm, x => lstm.Forward(x[0], x.Length == 3 ? (x[1], x[2]) : null) is var r ? [r.Output, r.Hidden, r.Cell] : []);

    private static Callable Of(GRU gru) => new(gru, x => gru.Forward(x[0], x.Length == 2 ? x[1] : null) is var r ? [r.Output, r.Hidden] : []);

    // One input: self-attention. Two floats more: key and value. Two integer inputs more: the mask of keys and the mask of scores.
    private static Callable Of(MultiheadAttention attention) => new(attention, x => x switch
    {
        [var only] => [attention.Forward(only)],
        [var self, { Type: DType.Int64 } padding, { Type: DType.Int64 } mask] => [attention.Forward(self, self, self, mask.Bool(), padding.Bool())],
        _ => [attention.Forward(x[0], x[1], x[2])],
    });

    private static Callable Of(TransformerEncoderLayer layer) => new(layer, x => [x.Length == 1 ? layer.Forward(x[0]) : layer.Forward(x[0], x[1].Bool())]);
}
