using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Training.Code;

namespace DistTrain.Examples.SpamFilter;

/// <summary>A job in C#: a model of one's own, data of one's own, and the numbers of its training. It runs by <see cref="Trainer"/>, on clusters, and as <c>--job DistTrain.Examples.dll:SpamFilterJob</c>.</summary>
public sealed class SpamFilterJob : IJobSource
{
    /// <inheritdoc/>
    public TrainingJob Create() => new()
    {
        Name = "spam-filter",
        Model = () => new SpamModel(MailDataset.Vocabulary.Length),
        Data = new DataSplit("mails", new MailDataset("mails to train on", 2000, key: 1), new MailDataset("mails to test on", 500, key: 2)),
        Loss = new BCEWithLogitsLoss(),
        Optimizer = new AdamWRule(new AdamWOptions(WeightDecay: 0.01)),
        LearningRate = 0.01,
        BatchSize = 50,
        Shards = 2,
        Epochs = 5,
        Seed = 7,
    };
}

/// <summary>Two weighted sums with an activation between them: counts of words in, the logit of spam out.</summary>
/// <param name="words">Words that are counted.</param>
public sealed class SpamModel(int words) : Module
{
    private readonly Linear hidden = new(words, 16);
    private readonly ReLU relu = new();
    private readonly Dropout dropout = new(0.1f);
    private readonly Linear logit = new(16, 1);

    /// <summary>Takes counts <c>[N, words]</c>, gives logits <c>[N, 1]</c>.</summary>
    public override Tensor Forward(Tensor input) => logit.Forward(dropout.Forward(relu.Forward(hidden.Forward(input))));
}
