using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Tests.Training;

/// <summary>Metrics where model, data and messages do not fit together, and reports from the network that no slice can have found.</summary>
public class MetricMisfitTests
{
    [Theory]
    [InlineData(12)]
    [InlineData(8)]
    public void Outputs_that_are_no_classes_of_the_data_are_refused_before_the_start(int outputs)
    {
        var error = Assert.Throws<UserErrorException>(() => new Trainer(Job(outputs)));
        Assert.Contains($"the model gives {outputs} outputs, expected 10", error.Message, StringComparison.Ordinal);
        Assert.Contains("f1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void They_are_refused_by_the_first_evaluation_of_a_model_that_takes_no_single_sample()
    {
        using var trainer = new Trainer(Job(12) with { Model = () => new OnlyWholeBatches() });
        Assert.Contains("the model gives 12 outputs, expected 10", Assert.Throws<UserErrorException>(() => trainer.Run()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_outputs_than_classes_are_fine_where_classes_are_not_told_apart()
    {
        using var trainer = new Trainer(Job(12) with { Metrics = ["perplexity", "top-3"] });
        MetricSum? found = null;
        trainer.Run(epoch => found = epoch.Test);
        Assert.True(double.IsFinite(found!.Metrics!["perplexity"]!.Value));
        Assert.InRange(found.Metrics["top-3"]!.Value, 0, 1);
    }

    [Theory]
    [InlineData(30_000, false)]
    [InlineData(2_000, true)]
    public void Labels_are_counted_where_one_slice_fits_into_a_message(int labels, bool fits)
    {
        var data = new ArrayDataset("wide", new float[2], SampleSpec.Float32(1), new float[2 * labels], SampleSpec.Float32(labels));
        var job = new TrainingJob { Model = () => new Linear(1, labels), Data = new DataSplit("wide", data, data), Loss = new BCEWithLogitsLoss() };
        var plan = MetricPlan.Of(job);
        Assert.Equal(fits, plan.Metrics.Any(metric => metric.Name == "f1"));
        // An output has at most 256 counts in all: 6 bytes for its four numbers.
        Assert.True(!plan.IsDetailed || plan.SlicesPerReport * (6L * labels + 64) < 128_000);
        if (fits) MetricPlan.Of(job with { Metrics = ["f1-micro"] });
        else Assert.Contains("f1-micro", Assert.Throws<UserErrorException>(() => MetricPlan.Of(job with { Metrics = ["f1-micro"] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reports_of_classes_that_no_slice_can_have_found_are_refused()
    {
        var plan = PlanOf(MetricTask.MultiClass, 3, "f1", "top-2", "roc-auc");
        var good = MetricCollector.Collect(plan, Tensor.From(1f, 0, 0, 0, 1, 0).Reshape(2, 3), Tensor.From(0L, 2))!;
        Assert.Equal([1L, 0, 1, 7, 1], good.Counts.AsEnumerable());
        Accepted(plan, good);
        Refused(plan, good with { Rows = 3 });
        Refused(plan, good with { Counts = [-1, 0, 1, 7, 1] });
        Refused(plan, good with { Counts = [3, 0, 1, 7, 1] });
        Refused(plan, good with { Counts = [1, 0, -1, 7, 3] });
        Refused(plan, good with { Counts = [1, 0, 1, 7, long.MaxValue] });
        Refused(plan, good with { Counts = [1, 0, 1] });
        Refused(plan, good with { Scores = [] });
        Refused(plan, good with { Scores = [], Labels = [] });
        // Nothing was asked for, so nothing may come: there is no place for it.
        var hits = PlanOf(MetricTask.MultiClass, 3, "top-2");
        Refused(hits, good with { Scores = [], Labels = [] });
        Accepted(hits, good with { Counts = [1], Scores = [], Labels = [] });
        Refused(PlanOf(MetricTask.Tokens, 3, "top-2"), good with { Scores = [], Labels = [] });
        var many = PlanOf(MetricTask.MultiClass, 2000, "top-2");
        Refused(many, good with { Counts = [1, 0, 1, 7, 1], Scores = [], Labels = [] });
    }

    [Fact]
    public void Reports_of_labels_that_no_slice_can_have_found_are_refused()
    {
        var plan = PlanOf(MetricTask.MultiLabel, 2, "f1", "roc-auc");
        var good = MetricCollector.Collect(plan, Tensor.From(1f, -1, 1, 1).Reshape(2, 2), Tensor.From(1f, 0, 0, 1).Reshape(2, 2))!;
        Accepted(plan, good);
        Refused(plan, good with { Counts = [1, 1, 1, 0, 1, 0, 0, 1, 1] });
        Refused(plan, good with { Counts = [1, 1, 0, 0, 1, 0, 0, 1, 3] });
        Refused(plan, good with { Counts = [3, -1, 0, 0, 1, 0, 0, 1, 1] });
        Refused(plan, good with { Scores = [], Labels = [] });
        Refused(plan, good with { Labels = [1, 0] });
    }

    private static void Accepted(MetricPlan plan, SliceDetail found)
    {
        Assert.Null(MetricTotals.Refusal(plan, 2, found));
        new MetricTotals(plan).Add(found);
    }

    private static void Refused(MetricPlan plan, SliceDetail found) => Assert.NotNull(MetricTotals.Refusal(plan, 2, found));

    private static MetricPlan PlanOf(MetricTask task, int outputs, params string[] metrics) =>
        new() { Task = task, Outputs = outputs, Metrics = [.. metrics.Select(name => MetricCatalog.Find(name, task))] };

    private static TrainingJob Job(int outputs) => new()
    {
        Model = () => new Sequential(new Flatten(), new Linear(784, outputs)),
        Data = DigitsSource.Create(train: 40, test: 20),
        BatchSize = 20,
        Epochs = 1,
    };

    private sealed class OnlyWholeBatches : Module
    {
        private readonly Sequential inside = new(new Flatten(), new Linear(784, 12));

        public override Tensor Forward(Tensor input) => input.Shape[0] > 1 ? inside.Forward(input) : throw new ArgumentException("one sample is no batch");
    }
}
