using System.Collections.Immutable;

namespace DistTrain.Training.Files;

/// <summary>The layers that a job file may hold, under PyTorch's names. A new one is a line here and a record.</summary>
public static class LayerTypes
{
    /// <summary>All of them.</summary>
    public static readonly ImmutableArray<NamedType> All =
    [
        new("Linear", typeof(LinearLayer)), new("Conv1d", typeof(Conv1dLayer)), new("Conv2d", typeof(Conv2dLayer)), new("ConvTranspose2d", typeof(ConvTranspose2dLayer)), new("MaxPool2d", typeof(MaxPool2dLayer)),
        new("AvgPool2d", typeof(AvgPool2dLayer)), new("AdaptiveAvgPool2d", typeof(AdaptiveAvgPool2dLayer)), new("BatchNorm1d", typeof(BatchNorm1dLayer)), new("BatchNorm2d", typeof(BatchNorm2dLayer)),
        new("LayerNorm", typeof(LayerNormLayer)), new("RMSNorm", typeof(RMSNormLayer)), new("GroupNorm", typeof(GroupNormLayer)), new("Embedding", typeof(EmbeddingLayer)), new("LSTM", typeof(LSTMLayer)),
        new("GRU", typeof(GRULayer)), new("MultiheadAttention", typeof(MultiheadAttentionLayer)), new("TransformerEncoderLayer", typeof(TransformerEncoderLayerLayer)), new("Dropout", typeof(DropoutLayer)),
        new("Flatten", typeof(FlattenLayer)), new("Identity", typeof(IdentityLayer)), new("Sequential", typeof(SequentialLayer)), new("ReLU", typeof(ReLULayer)), new("LeakyReLU", typeof(LeakyReLULayer)),
        new("ELU", typeof(ELULayer)), new("GELU", typeof(GELULayer)), new("SiLU", typeof(SiLULayer)), new("Mish", typeof(MishLayer)), new("Softplus", typeof(SoftplusLayer)), new("Hardtanh", typeof(HardtanhLayer)),
        new("Hardswish", typeof(HardswishLayer)), new("Sigmoid", typeof(SigmoidLayer)), new("LogSigmoid", typeof(LogSigmoidLayer)), new("Tanh", typeof(TanhLayer)), new("Softmax", typeof(SoftmaxLayer)),
        new("LogSoftmax", typeof(LogSoftmaxLayer)),
    ];

    /// <summary>A layer's name.</summary>
    public static string NameOf(Layer layer) => All.FirstOrDefault(known => known.Type == layer.GetType()).Name ?? layer.GetType().Name;
}

/// <summary>A type of the library under the name that job files call it by.</summary>
/// <param name="Name">The name.</param>
/// <param name="Type">The type.</param>
public readonly record struct NamedType(string Name, Type Type);
