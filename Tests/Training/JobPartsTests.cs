using System.Text;
using System.Text.Json;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Training.Files;

namespace DistTrain.Tests.Training;

/// <summary>Parts of jobs in files, and what is said of those that do not fit.</summary>
public class JobPartsTests
{
    [Theory]
    [InlineData("{\n \"name\": \"~\" }", 1, 9)]
    [InlineData("{\n\n \"~\": 3 }", 2, 1)]
    [InlineData("{\n \"name\": \"\\ud800\" }", 1, 9)]
    public void Text_that_is_no_unicode_is_no_json_and_has_a_place(string json, long line, long column)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(json);
        for (int i = 0; i < bytes.Length; i++)
            if (bytes[i] == '~') bytes[i] = 0xFF;
        var error = Assert.Throws<JsonException>(() => SourceNode.Parse(bytes));
        Assert.Equal((line, column), (error.LineNumber, error.BytePositionInLine));
    }

    [Fact]
    public void Weights_of_a_loss_are_as_many_as_the_datas_classes()
    {
        var options = new JobOptions { Data = "digits:20,4" };
        foreach (LossOptions loss in new LossOptions[] { new CrossEntropyOptions(Weight: [1, 2, 3]), new NllOptions(Weight: [1, 2, 3]) })
            Assert.Contains("weight has 3 numbers, expected 10", Assert.Throws<UserErrorException>(() => JobBuilder.Build(options with { Loss = loss }, 1)).Message, StringComparison.Ordinal);
        JobBuilder.Build(options with { Loss = new CrossEntropyOptions(Weight: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) }, 1);
        var labels = DataCard.Of(new DataSplit("labels", new ArrayDataset("labels", new float[4], SampleSpec.Float32(1), new float[12], SampleSpec.Float32(3)), null));
        Assert.Contains("pos_weight has 2 numbers, expected 3", Assert.Throws<UserErrorException>(() => NamedLosses.For(new BceOptions([1, 2]), labels)).Message, StringComparison.Ordinal);
        NamedLosses.For(new BceOptions([1, 2, 3]), labels);
        NamedLosses.For(new BceOptions([2]), labels);
    }

    [Fact]
    public void A_layer_inside_of_others_is_made_once_and_begins_with_the_values_of_one_that_is_not()
    {
        var plain = Built(new FlattenLayer(), new LinearLayer(10));
        Layer inner = new LinearLayer(10);
        for (int depth = 0; depth < 12; depth++) inner = new SequentialLayer([inner]);
        var nested = Built(new FlattenLayer(), inner);
        Assert.Equal(plain.Parameters()[0].Span.ToArray(), nested.Parameters()[0].Span.ToArray());
        Assert.All(nested.Modules(), module => Assert.True(module.Training));
    }

    [Fact]
    public void Two_models_from_one_list_have_memory_of_their_own()
    {
        var job = JobBuilder.Build(new JobOptions { Data = "digits:20,4", Layers = [new FlattenLayer(), new SequentialLayer([new LinearLayer(10)])] }, 1);
        var (one, other) = (job.BuildModel(), job.BuildModel());
        Assert.NotSame(one.Parameters()[0], other.Parameters()[0]);
        Assert.Equal(one.Parameters()[0].Span.ToArray(), other.Parameters()[0].Span.ToArray());
    }

    [Fact]
    public void A_layer_that_fails_is_named_with_its_own_reason()
    {
        Assert.Contains("is too large for memory", Problem(new Failing(new OutOfMemoryException())), StringComparison.Ordinal);
        Assert.Contains("is too large for memory", Problem(new Failing(new OverflowException())), StringComparison.Ordinal);
        Assert.Contains("no such thing", Problem(new Failing(new InvalidOperationException("no such thing"))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_vocabulary_without_tokens_is_refused()
    {
        var card = DataCard.Of(DigitsSource.Create(train: 4, test: 1));
        string json = card.ToJson();
        Assert.Equal(10, DataCard.Parse(json).Classes);
        foreach (string vocabulary in (string[])["{}", "{\"Tokens\":null}"])
            Assert.Throws<UserErrorException>(() => DataCard.Parse($"{json[..^1]},\"Vocabulary\":{vocabulary}}}"));
    }

    [Fact]
    public void Parameters_that_are_registered_in_another_order_are_named()
    {
        int made = 0;
        var job = new TrainingJob { Model = () => new InAnyOrder(Interlocked.Increment(ref made) == 1), Data = DigitsSource.Create(train: 4, test: 1) };
        var (what, parameter) = ReplicaDifference.InModel(job, job);
        Assert.Equal("the model is built in another way each time: a.weight [10, 784] is registered at another place", what);
        Assert.Equal("a.weight [10, 784]", parameter);
    }

    [Fact]
    public void Data_that_does_not_fit_the_loss_is_a_user_error()
    {
        var data = DigitsSource.Create(train: 4, test: 20);
        var model = new Sequential(new Flatten(), new Linear(784, 3));
        model.Eval();
        var error = Assert.Throws<UserErrorException>(() => new Evaluator(model, data.Test!).Measure(new CrossEntropyLoss(), MetricPlan.None));
        Assert.Contains("does not fit the model", error.Message, StringComparison.Ordinal);
    }

    private static Module Built(params Layer[] layers) => JobBuilder.Build(new JobOptions { Data = "digits:20,4", Layers = layers }, 1).BuildModel();

    private static string Problem(Layer layer) => Assert.Single(LayerStack.Build([layer], new Shape(4), 0, "model", null).Problems).Message;

    private sealed record Failing(Exception Error) : Layer
    {
        public override Module Build(LayerInput input) => throw Error;
    }

    private sealed class InAnyOrder : Module
    {
        public InAnyOrder(bool first)
        {
            foreach (string name in first ? (string[])["a", "b"] : ["b", "a"]) Register(name, new Linear(784, 10));
        }

        public override Tensor Forward(Tensor input) => input;
    }
}
