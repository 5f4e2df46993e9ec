using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Tensors;
using DistTrain.Tests.Golden;
using DistTrain.Training;

namespace DistTrain.Tests.Training;

/// <summary>Metrics of scikit-learn's documented examples (scikit-learn.org/stable/modules/generated/sklearn.metrics.*), with the digits that <see cref="MetricRunner"/> has from the definitions, and of counting by hand.</summary>
public class MetricsTests
{
    [Fact]
    public void Precision_recall_and_f1_of_classes_are_scikit_learns()
    {
        // f1_score, precision_score, recall_score: y_true = [0, 1, 2, 0, 1, 2], y_pred = [0, 2, 1, 0, 0, 1]
        var report = Classes(3, [0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], "f1", "f1-micro", "f1-weighted", "precision", "precision-micro", "recall", "accuracy");
        Assert.Equal(0.26666666666666666, report["f1"]!.Value, 15);
        Assert.Equal(1.0 / 3, report["f1-micro"]!.Value, 15);
        Assert.Equal(0.26666666666666666, report["f1-weighted"]!.Value, 15);
        Assert.Equal(0.2222222222222222, report["precision"]!.Value, 15);
        Assert.Equal(1.0 / 3, report["precision-micro"]!.Value, 15);
        Assert.Equal(1.0 / 3, report["recall"]!.Value, 15);
        Assert.Equal([0.8, 0, 0], report.Classes.Select(c => Math.Round(c.F1, 12)));
        Assert.Equal([2, 2, 2], report.Classes.Select(c => c.Support));
    }

    [Fact]
    public void A_confusion_matrix_has_true_classes_in_rows()
    {
        // confusion_matrix: y_true = [2, 0, 2, 2, 0, 1], y_pred = [0, 0, 2, 2, 0, 2]
        var report = Classes(3, [2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2], "f1");
        Assert.Equal([2L, 0, 0, 0, 0, 1, 1, 0, 2], report.Confusion!.Counts.AsEnumerable());
        Assert.Equal(1, report.Confusion[1, 2]);
    }

    [Fact]
    public void A_class_that_neither_occurs_nor_is_predicted_does_not_count_in_an_average()
    {
        // f1_score(y_true, y_pred, average='macro') takes the labels that are present: (0.8 + 0 + 0) / 3 whatever other classes there are.
        Assert.Equal(0.26666666666666666, Classes(7, [0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], "f1")["f1"]!.Value, 15);
    }

    [Fact]
    public void Top_k_is_scikit_learns()
    {
        // top_k_accuracy_score: y_true = [0, 1, 2, 2], k = 2
        float[] scores = [0.5f, 0.2f, 0.2f, 0.3f, 0.4f, 0.2f, 0.2f, 0.4f, 0.3f, 0.7f, 0.2f, 0.1f];
        var report = Evaluate(MetricTask.MultiClass, 3, scores, Tensor.From(0L, 1, 2, 2), "top-2", "top-1", "top3");
        Assert.Equal(0.75, report["top-2"]);
        Assert.Equal(0.5, report["top-1"]);
        Assert.Equal(1.0, report["top-3"]);
    }

    [Fact]
    public void The_area_under_the_curve_is_scikit_learns_and_equal_scores_count_half()
    {
        // roc_auc_score: y = [0, 0, 1, 1], scores = [0.1, 0.4, 0.35, 0.8]
        Assert.Equal(0.75, RocAuc.Of([0.1f, 0.4f, 0.35f, 0.8f], [false, false, true, true]));
        Assert.Equal(0.5, RocAuc.Of([1, 1, 1, 1], [false, true, true, false]));
        Assert.Equal(0.875, RocAuc.Of([1, 2, 2, 3], [false, false, true, true])); // pairs: 1 < 2, 1 < 3, 2 = 2, 2 < 3
        Assert.True(double.IsNaN(RocAuc.Of([1, 2], [true, true])));
        Assert.True(double.IsNaN(RocAuc.Of([1, float.NaN], [true, false])));
    }

    [Fact]
    public void The_area_under_the_curve_is_that_of_counting_all_pairs()
    {
        var random = new Random(7);
        for (int n = 2; n < 60; n++)
        {
            var scores = Enumerable.Range(0, n).Select(_ => (float)random.Next(12)).ToArray();
            var positive = Enumerable.Range(0, n).Select(i => i == 0 || (i > 1 && random.Next(2) == 0)).ToArray();
            double wins = 0, pairs = 0;
            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j < n; j++)
                {
                    if (!positive[i] || positive[j]) continue;
                    pairs++;
                    wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
                }
            }
            Assert.Equal(wins / pairs, RocAuc.Of(scores, positive));
        }
    }

    [Fact]
    public void Errors_of_numbers_are_scikit_learns()
    {
        // mean_absolute_error, mean_squared_error, r2_score: y_true = [3, -0.5, 2, 7], y_pred = [2.5, 0.0, 2, 8]
        var one = Evaluate(MetricTask.Regression, 1, [2.5f, 0, 2, 8], Tensor.From(3f, -0.5f, 2, 7), "mae", "mse", "rmse", "r2");
        Assert.Equal(0.5, one["mae"]);
        Assert.Equal(0.375, one["mse"]);
        Assert.Equal(0.6123724356957945, one["rmse"]);
        Assert.Equal(0.9486081370449679, one["r2"]!.Value, 15);
        // y_true = [[0.5, 1], [-1, 1], [7, -6]], y_pred = [[0, 2], [-1, 2], [8, -5]]
        var two = Evaluate(MetricTask.Regression, 2, [0, 2, -1, 2, 8, -5], Tensor.From(0.5f, 1, -1, 1, 7, -6).Reshape(3, 2), "mae", "mse", "rmse", "r2");
        Assert.Equal(0.75, two["mae"]);
        Assert.Equal(0.7083333333333334, two["mse"]!.Value, 15);
        Assert.Equal(0.8227486121839513, two["rmse"]!.Value, 15);
        Assert.Equal(0.9368005266622779, two["r2"]!.Value, 14);
    }

    [Fact]
    public void R2_of_targets_that_are_all_the_same_is_scikit_learns()
    {
        Assert.Equal(0, Evaluate(MetricTask.Regression, 1, [2, 3], Tensor.From(2f, 2f), "r2")["r2"]);
        Assert.Equal(1, Evaluate(MetricTask.Regression, 1, [2, 2], Tensor.From(2f, 2f), "r2")["r2"]);
        Assert.True(double.IsNaN(Evaluate(MetricTask.Regression, 1, [2], Tensor.From(2f), "r2")["r2"]!.Value));
    }

    [Fact]
    public void R2_does_not_suffer_from_a_large_mean()
    {
        float[] targets = [10_000_001, 10_000_002, 10_000_003, 10_000_004];
        Assert.Equal(1 - 1 / 5.0, Evaluate(MetricTask.Regression, 1, [10_000_002, 10_000_002, 10_000_003, 10_000_004], Tensor.From(targets), "r2")["r2"]!.Value, 12);
    }

    [Fact]
    public void Figures_of_several_labels_are_scikit_learns()
    {
        // f1_score: y_true = [[0, 0, 0], [1, 1, 1], [0, 1, 1]], y_pred = [[0, 0, 0], [1, 1, 1], [1, 1, 0]], average=None: 0.6667, 1, 0.6667
        var report = Evaluate(
            MetricTask.MultiLabel, 3, [-1, -1, -1, 1, 1, 1, 1, 1, -1], Tensor.From(0f, 0, 0, 1, 1, 1, 0, 1, 1).Reshape(3, 3), "f1", "f1-micro", "exact-match", "accuracy");
        Assert.Equal([2.0 / 3, 1, 2.0 / 3], report.Classes.Select(c => c.F1));
        Assert.Equal(7.0 / 9, report["f1"]!.Value, 15);
        Assert.Equal(0.8, report["f1-micro"]!.Value, 15);
        Assert.Equal(2.0 / 3, report["exact-match"]);
    }

    [Fact]
    public void Yes_or_no_is_measured_by_the_yes()
    {
        // By hand: 2 of 3 positives are found, 1 of 3 predictions is wrong.
        var report = Evaluate(MetricTask.Binary, 1, [2, 1, -1, 3, -2], Tensor.From(1f, 1, 1, 0, 0), "precision", "recall", "f1", "roc-auc");
        Assert.Equal(2.0 / 3, report["precision"]);
        Assert.Equal(2.0 / 3, report["recall"]);
        Assert.Equal(2.0 / 3, report["f1"]!.Value, 15);
        Assert.Equal([1L, 1, 1, 2], report.Confusion!.Counts.AsEnumerable());
        Assert.Equal(0.5, report["roc-auc"]!.Value, 15); // 2 > -2, 1 > -2, -1 > -2: 3 of 6 pairs
    }

    [Fact]
    public void A_label_that_does_not_count_does_not_count()
    {
        var plan = PlanOf(MetricTask.MultiClass, 2, "f1", "top-1", "roc-auc") with { IgnoredLabel = -100 };
        var found = MetricCollector.Collect(plan, Tensor.From(1f, 0, 0, 1, 1, 0).Reshape(3, 2), Tensor.From(0L, -100, 1))!;
        Assert.Equal(2, found.Rows);
        var totals = new MetricTotals(plan);
        totals.Add(found);
        Assert.Equal([1L, 0, 1, 0], totals.Report(0, 0).Confusion!.Counts.AsEnumerable());
        Assert.Equal(0.5, totals.Report(0, 0)["top-1"]);
    }

    [Fact]
    public void Perplexity_is_the_exponential_of_the_loss() => Assert.Equal(Math.Exp(1.5), new MetricTotals(PlanOf(MetricTask.Tokens, 5, "perplexity")).Report(1.5, null)["perplexity"]);

    [Theory]
    [InlineData(MetricTask.Regression, "accuracy", "expected for regression one of mae, mse, rmse, r2")]
    [InlineData(MetricTask.MultiClass, "f2", "did you mean f1?")]
    [InlineData(MetricTask.MultiClass, "top-0", "top-<k>")]
    [InlineData(MetricTask.None, "accuracy", "says nothing about what outputs mean")]
    public void An_unknown_metric_is_refused_by_name(MetricTask task, string name, string message) =>
        Assert.Contains(message, Assert.Throws<UserErrorException>(() => MetricCatalog.Find(name, task)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_a_slice_cannot_have_found_is_refused()
    {
        var plan = PlanOf(MetricTask.MultiClass, 3, "f1", "roc-auc");
        var good = MetricCollector.Collect(plan, Tensor.From(1f, 0, 0).Reshape(1, 3), Tensor.From(0L))!;
        Assert.Null(MetricTotals.Refusal(plan, 1, good));
        Assert.NotNull(MetricTotals.Refusal(plan, 1, good with { Counts = [9, 1] }));
        Assert.NotNull(MetricTotals.Refusal(plan, 1, good with { Counts = [-1, 1] }));
        Assert.NotNull(MetricTotals.Refusal(plan, 1, good with { Counts = [1] }));
        Assert.NotNull(MetricTotals.Refusal(plan, 1, good with { Labels = [3] }));
        Assert.NotNull(MetricTotals.Refusal(plan, 1, good with { Scores = [1, 2] }));
        Assert.NotNull(MetricTotals.Refusal(PlanOf(MetricTask.Regression, 2, "mae"), 1, new SliceDetail([], [1], [], [], 1)));
        Assert.NotNull(MetricTotals.Refusal(PlanOf(MetricTask.MultiLabel, 2, "f1"), 1, new SliceDetail([1], [], [], [], 1)));
    }

    [Theory]
    [InlineData(MetricTask.MultiClass, 64, "roc-auc")]
    [InlineData(MetricTask.MultiClass, 10, "roc-auc")]
    [InlineData(MetricTask.Regression, 1024, "r2")]
    public void What_one_message_carries_stays_below_what_akka_takes(MetricTask task, int outputs, string metric)
    {
        const int LargestFrame = 128_000;
        var plan = PlanOf(task, outputs, metric);
        int scores = task == MetricTask.MultiClass ? 256 * outputs : 0, sums = task == MetricTask.Regression ? 4 * outputs : 0;
        Assert.True(plan.SlicesPerReport * (scores * 5 + sums * 9 + 256 * 2 + 64) < LargestFrame, $"{plan.SlicesPerReport}");
    }

    [Fact]
    public void Balanced_class_weights_are_scikit_learns()
    {
        // compute_class_weight("balanced", y = [1, 1, 1, 1, 0, 0]): [1.5, 0.75]
        var data = new ArrayDataset("y", new float[6], SampleSpec.Float32(1), [1L, 1, 1, 1, 0, 0], 2, null);
        Assert.Equal([1.5f, 0.75f], ClassWeights.Of("balanced", false, 2, data));
        Assert.Equal([2f, 0.5f], ClassWeights.Of("2,0.5", false, 2, data));
        var padded = new ArrayDataset("y", new float[8], SampleSpec.Float32(1), [1L, 1, -100, 1, 1, 0, -100, 0], 2, null);
        Assert.Equal([1.5f, 0.75f], ClassWeights.Of("balanced", false, 2, padded, -100));
        Assert.Contains("sample 2 has class -100, expected 0 to 1", Assert.Throws<UserErrorException>(() => ClassWeights.Of("balanced", false, 2, padded)).Message);
        var labels = new ArrayDataset("y", new float[5], SampleSpec.Float32(1), [1f, 0, 0, 0, 0], SampleSpec.Float32(1));
        Assert.Equal([4f], ClassWeights.Of("balanced", true, 1, labels));
        Assert.Equal([3f], ClassWeights.Of("1,3", true, 1, labels));
    }

    private static MetricPlan PlanOf(MetricTask task, int outputs, params string[] metrics) =>
        new() { Task = task, Outputs = outputs, Metrics = [.. metrics.Select(name => MetricCatalog.Find(name, task))] };

    private static MetricReport Classes(int classes, long[] actual, int[] predicted, params string[] metrics)
    {
        var logits = new float[actual.Length * classes];
        for (int i = 0; i < predicted.Length; i++) logits[i * classes + predicted[i]] = 1;
        return Evaluate(MetricTask.MultiClass, classes, logits, Tensor.From(actual), metrics);
    }

    /// <summary>In two slices, as an evaluation does.</summary>
    private static MetricReport Evaluate(MetricTask task, int outputs, float[] scores, Tensor target, params string[] metrics)
    {
        var plan = PlanOf(task, outputs, metrics);
        int samples = scores.Length / outputs, half = samples / 2;
        var output = Tensor.From(scores).Reshape(samples, outputs);
        var totals = new MetricTotals(plan);
        foreach (var (start, count) in new[] { (0, half), (half, samples - half) })
        {
            if (count == 0) continue;
            var found = MetricCollector.Collect(plan, output.Narrow(0, start, count), target.Narrow(0, start, count))!;
            Assert.Null(MetricTotals.Refusal(plan, count, found));
            totals.Add(found);
        }
        return totals.Report(double.NaN, double.NaN);
    }
}
