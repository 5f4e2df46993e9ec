using DistTrain.Coordinator.Runs;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Nn.Files;
using DistTrain.Tensors;
using DistTrain.Tests.Coordinator.Commands;
using DistTrain.Tests.Data;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator.Runs;

/// <summary>Models as runs leave them, opened again without the data that they were trained on.</summary>
public class SavedModelTests
{
    private const string Text = "the quick brown fox jumps over the lazy dog. ";

    [Fact]
    public async Task Weights_and_checkpoints_of_a_run_say_which_model_they_hold()
    {
        using var folder = new TempFolder();
        folder.Write("text.txt", string.Concat(Enumerable.Repeat(Text, 40)));
        var run = await CommandProcess.RunInAsync(folder.Folder, "local --model char-gpt --data text:text.txt?window=16 --max-steps 2 --batch-size 4 --workers 1 --run-dir out --checkpoint-dir saved --output json");
        Assert.True(run.ExitCode == 0, run.Errors);
        File.Delete(Path.Combine(folder.Folder, "text.txt"));

        var models = new[] { "out", "out/weights.safetensors", "saved" }.Select(path => SavedModel.Open(Path.Combine(folder.Folder, path))).ToList();

        Assert.All(models, model =>
        {
            Assert.Equal(("char-gpt", 2, 16), (model.Job.Model, model.Step, model.Data.Inputs.Length));
            Assert.False(model.Model.Training);
            Assert.Equal("fox", model.Data.CreateTokenizer()!.Decode(model.Data.CreateTokenizer()!.Encode("fox")));
        });
        Assert.Equal(models[0].Model.Parameters().Select(p => p.Value.ToArray()), models[2].Model.Parameters().Select(p => p.Value.ToArray()));
    }

    [Fact]
    public void Weights_of_other_origin_need_the_job_they_belong_to()
    {
        using var folder = new TempFolder();
        var options = new JobOptions { Model = "cnn-bn", Data = "digits:20,10" };
        var model = JobBuilder.Build(options, 1).BuildModel();
        SafeTensors.Save(Path.Combine(folder.Folder, "model.safetensors"), model);

        var error = Assert.Throws<UserErrorException>(() => SavedModel.Open(Path.Combine(folder.Folder, "model.safetensors")));
        Assert.Contains("does not say which model it holds; name it with --model and --data", error.Message, StringComparison.Ordinal);
        var opened = SavedModel.Open(Path.Combine(folder.Folder, "model.safetensors"), options);
        Assert.Equal(model.Parameters()[0].Value.ToArray(), opened.Model.Parameters()[0].Value.ToArray());
        error = Assert.Throws<UserErrorException>(() => SavedModel.Open(Path.Combine(folder.Folder, "model.safetensors"), options with { Model = "mlp" }));
        Assert.Contains("does not fit the model: 0.weight has shape [32, 1, 3, 3], the model's has [512, 784]; ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_state_dict_of_PyTorch_with_a_whole_number_of_batches_is_read()
    {
        using var folder = new TempFolder();
        var writer = new SafeTensorsWriter();
        foreach (string name in new[] { "weight", "bias", "running_mean", "running_var" }) writer.Add(name, [2], new[] { 1f, 2f });
        writer.Add("num_batches_tracked", "I64", [], BitConverter.GetBytes(7L));
        writer.Save(Path.Combine(folder.Folder, "norm.safetensors"));
        using var file = SafeTensorsFile.Open(Path.Combine(folder.Folder, "norm.safetensors"));
        var norm = new BatchNorm1d(2);

        StateDictFile.ReadInto(file, norm);

        Assert.Equal(7f, norm.NumBatchesTracked!.Value.Item());
        Assert.Equal([1f, 2f], norm.RunningVar!.Value.ToArray());
    }

    [Fact]
    public void What_is_no_model_is_refused_by_name()
    {
        using var folder = new TempFolder();
        Assert.Contains("holds neither weights.safetensors nor a checkpoint", Assert.Throws<UserErrorException>(() => SavedModel.Open(folder.Folder)).Message, StringComparison.Ordinal);
        Assert.Contains("no such file", Assert.Throws<UserErrorException>(() => SavedModel.Open(Path.Combine(folder.Folder, "none"))).Message, StringComparison.Ordinal);
        folder.Write("checkpoint-0000000007.safetensors", "damaged");
        Assert.Contains("not a valid safetensors file", Assert.Throws<UserErrorException>(() => SavedModel.Open(folder.Folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_card_keeps_vocabularies_and_tables()
    {
        var pairs = BytePairVocabulary.Of(string.Concat(Enumerable.Repeat(Text, 20)), 270);
        var card = new DataCard
        {
            Name = "x", InputType = ElementType.Int64, InputShape = [8], TargetType = ElementType.Int64, TargetShape = [8], Classes = pairs.Count, Vocabulary = new VocabularyCard([.. pairs.Tokens], [.. pairs.Merges]),
            Table = new TableEncoding([new ColumnEncoding("a", 1, 2, 3, null), new ColumnEncoding("b", 0, 0, 1, ["u", "v"])], ["t"], TableTask.Classification, ["no", "yes"]),
        };

        var read = DataCard.Parse(card.ToJson());

        Assert.Equal(card.ToJson(), read.ToJson());
        Assert.Equal(["a", "b=u", "b=v"], read.Table!.InputNames);
        Assert.Equal(pairs.Encode("the fox"), read.CreateTokenizer()!.Encode("the fox"));
        Assert.Throws<UserErrorException>(() => DataCard.Parse("{}"));
        Assert.Throws<UserErrorException>(() => DataCard.Parse((card with { Classes = 3 }).ToJson()));
    }
}
