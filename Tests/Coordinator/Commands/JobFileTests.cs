using DistTrain.Coordinator.Commands;
using DistTrain.Tests.Data;
using DistTrain.Training;
using DistTrain.Training.Files;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Jobs in files: what they may hold, what they mean, and what is said of wrong ones.</summary>
public sealed class JobFileTests : IDisposable
{
    private const string Linear = """{ "type": "Linear", "out_features": 10 }""";

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Settings_of_all_kinds_are_read_and_comments_and_commas_are_allowed()
    {
        var job = Options("""
            // A job.
            {
              "$schema": "./job.schema.json",
              "name": "mine", /* inside too */
              "model": ["Flatten", { "type": "linear", "out_features": 12, "bias": false }, "relu", { "type": "Sequential", "layers": [{ "type": "Dropout", "p": 0.25 }, "Linear"] },],
              "data": { "type": "csv", "path": "a.csv", "target": ["x", "y"], "standardize": false, "test": 0.25 },
              "loss": { "type": "CrossEntropyLoss", "label_smoothing": 0.1 },
              "optimizer": { "type": "AdamW", "lr": 0.002, "betas": [0.8, 0.99], "eps": 1e-7, "amsgrad": true },
              "schedule": { "type": "SequentialLR", "milestones": [3], "schedules": [{ "type": "Warmup", "steps": 3 }, { "type": "CosineAnnealingLR", "T_max": 9, "eta_min": 1e-5 }], "by_epoch": true },
              "clip_norm": 1, "batch_size": 2e1, "drop_last": true, "shards": 4, "seed": 18446744073709551615,
              "workers": 3, "min_workers": 2,
            }
            """).Job;
        Assert.Equal("mine", job.Name);
        Assert.Equal(new Layer[] { new FlattenLayer(), new LinearLayer(12, Bias: false), new ReLULayer() }, job.Layers!.Take(3));
        Assert.Equal(new Layer[] { new DropoutLayer(0.25f), new LinearLayer() }, Assert.IsType<SequentialLayer>(job.Layers![3]).Layers);
        Assert.Equal("csv:a.csv?target=x,y&standardize=no&test=0.25", job.Data);
        Assert.Equal(new CrossEntropyOptions(LabelSmoothing: 0.1f), job.Loss);
        Assert.Equal(new DistTrain.Optim.AdamWOptions(0.8, 0.99, 1e-7, AmsGrad: true), job.OptimizerOptions);
        Assert.Equal(("adamw", 0.002, true), (job.Optimizer, job.LearningRate, job.ScheduleByEpoch));
        var schedule = Assert.IsType<DistTrain.Optim.SequentialLR>(job.ScheduleOptions);
        Assert.Equal(new DistTrain.Optim.Schedule[] { new DistTrain.Optim.Warmup(3), new DistTrain.Optim.CosineAnnealingLR(9, 1e-5) }, schedule.Schedules);
        Assert.Equal((1.0, 20, true, 4, ulong.MaxValue), (job.ClipNorm, job.BatchSize, job.DropLast, job.Shards, job.Seed));
        // What a worker is sent, and a checkpoint keeps, is the same job.
        Assert.Null(JobJson.Difference(job, JobJson.Parse(JobJson.Of(job))));
    }

    [Fact]
    public void A_command_takes_its_own_settings_from_the_file_and_passes_over_those_of_others()
    {
        const string Job = """{ "workers": 3, "min_workers": 2, "checkpoint_every": 7 }""";
        Assert.Equal(3, Options(Job).Workers);
        var serve = Read(ServeCommand.Settings, new DistTrain.Coordinator.Serving.ServeOptions(), Job);
        Assert.Equal((2, 7L), (serve.MinWorkers, serve.Checkpoints.Every));
    }

    [Fact]
    public async Task An_option_wins_over_the_environment_that_over_the_job_file_and_that_over_appsettings()
    {
        folder.Write("job.json", $$"""{ "data": "digits:20,0", "model": ["Flatten", {{Linear}}], "batch_size": 5, "epochs": 4, "seed": 3, "lr": 0.5 }""");
        folder.Write("appsettings.json", """{ "DistTrain": { "batch-size": 4, "model": "cnn", "momentum": 0.5, "minWorkers": 2 } }"""); // the last one is of serve alone
        var result = await CommandProcess.RunInAsync(folder.Folder, "check --job job.json --epochs 1 --output json", ("DISTTRAIN_EPOCHS", "2"), ("DISTTRAIN_LR", "0.25"));
        var found = result.Last("checked");
        Assert.Equal((1, 0.25, 5, 2), (found.GetProperty("epochs").GetInt32(), found.GetProperty("learning_rate").GetDouble(), found.GetProperty("batch_size").GetInt32(), found.GetProperty("layers").GetArrayLength()));
    }

    [Fact]
    public async Task All_that_is_wrong_is_said_at_once_with_lines()
    {
        folder.Write("job.json", """
            {
              "modle": "mlp",
              "model": [
                "Flaten",
                { "type": "Linear", "out_feature": 10 },
                { "type": "Conv2d", "out_channels": 0 },
                { "type": "Dropout", "p": "half" },
                { "out_features": 3 }
              ],
              "batch_size": 0,
              "epochs": "many",
              "epochs": 3,
              "loss": "CrossEntropy",
              "optimizer": { "type": "SGD", "lr": -1, "nesterov": 1 },
              "schedule": { "type": "StepLR" },
              "numerics": "avx"
            }
            """);
        var result = await CommandProcess.RunInAsync(folder.Folder, "local --job job.json");
        Assert.Equal(2, result.ExitCode);
        Assert.Empty(result.Output);
        string[] expected =
        [
            "job.json:2:3: modle is unknown; did you mean model?",
            "job.json:4:5: model[0] was 'Flaten', expected one of Linear, BatchNorm1d",
            "job.json:5:25: model[1].out_feature is unknown, expected one of type, out_features, in_features, bias; did you mean out_features?",
            "job.json:6:5: model[2] has no kernel_size: The window: one size for both dimensions, or [height, width]",
            "job.json:6:25: model[2].out_channels was 0, expected a whole number of 1 or more",
            "job.json:7:26: model[3].p was 'half', expected a number from 0 to 1",
            "job.json:8:5: model[4] has no type, expected \"type\", one of Linear",
            "job.json:10:3: batch_size was 0, expected a whole number from 1 to 1000000",
            "job.json:11:3: epochs was 'many', expected a whole number",
            "job.json:12:3: epochs is given twice",
            "job.json:13:3: loss was 'CrossEntropy', expected one of CrossEntropyLoss",
            "job.json:14:33: optimizer.lr was -1, expected a number of 0 or more",
            "job.json:14:43: optimizer.nesterov was 1, expected true or false",
            "job.json:15:3: schedule has no step_size: Steps between two changes",
            "job.json:16:3: numerics was 'avx', expected one of auto, avx512, avx2, portable",
        ];
        Assert.Equal(expected.Length, result.ErrorLines.Count);
        Assert.All(expected.Zip(result.ErrorLines), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
        Assert.EndsWith("; did you mean Flatten?", result.ErrorLines[1], StringComparison.Ordinal);
        Assert.EndsWith("; did you mean cross-entropy?", result.ErrorLines[10], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""[{ "type": "Linear", "in_features": 100, "out_features": 10 }]""", "1:27: model[0].in_features was 100, expected 28: the layer gets [1, 28, 28] a sample", "1:50: model[0] (Linear) gives [1, 28, 10] a sample, expected [10]: data digits has 10 classes")]
    [InlineData("""["Flatten", { "type": "Linear", "in_features": 784, "out_features": 9 }]""", "model[1] (Linear) gives [9] a sample, expected [10]: data digits has 10 classes")]
    [InlineData("""["Flatten", "ReLU", { "type": "Conv2d", "out_channels": 8, "kernel_size": 3 }, "Flatten", "Linear"]""", "model[2] (Conv2d) cannot take [784] a sample: got [784] a sample, expected [channels, height, width]")]
    [InlineData("""[{ "type": "Conv2d", "out_channels": 8, "kernel_size": 29 }]""", "model[0] (Conv2d) cannot take [1, 28, 28] a sample: ")]
    [InlineData("""[{ "type": "Embedding", "embedding_dim": 8 }]""", "model[0] (Embedding) cannot take [1, 28, 28] a sample: gets numbers, expected tokens")]
    [InlineData("""[{ "type": "Sequential", "layers": ["Flatten", { "type": "BatchNorm1d", "num_features": 10 }, { "type": "LayerNorm", "normalized_shape": [784] }] }, "Linear"]""", "model[0].layers[1].num_features was 10, expected 784: the layer gets [784] a sample")]
    [InlineData("""["Flatten", { "type": "Linear" }, "Linear"]""", "model[1] (Linear) cannot take [784] a sample: has no out_features, which only the last layer may leave out")]
    public void Layers_that_do_not_fit_are_named(string model, params string[] expected)
    {
        var error = Assert.Throws<JobErrorException>(() =>
        {
            var options = Options($$"""{"data": "digits:10,0", "model": {{model}}}""");
            JobFile.Build(options.Job, options.JobFile, 1, null);
        });
        Assert.Equal(expected.Length, error.Problems.Count);
        Assert.All(expected.Zip(error.Problems), pair => Assert.Contains(pair.First[(pair.First.StartsWith("1:", StringComparison.Ordinal) ? pair.First.IndexOf(' ', StringComparison.Ordinal) : 0)..], pair.Second.ToString(), StringComparison.Ordinal));
        Assert.All(error.Problems, problem => Assert.Equal(1, problem.Line));
    }

    [Fact]
    public async Task Workers_get_the_layers_from_the_coordinator_and_a_resumed_run_from_its_checkpoint()
    {
        folder.Write("job.json", $$"""
            {
              "data": { "type": "digits", "path": "120,20" }, "model": ["Flatten", { "type": "Linear", "out_features": 16 }, "BatchNorm1d", "GELU", {{Linear}}],
              "optimizer": { "type": "RMSprop", "lr": 0.002, "centered": true }, "schedule": { "type": "StepLR", "step_size": 4, "gamma": 0.5 }, "loss": { "type": "CrossEntropyLoss", "label_smoothing": 0.1 },
              "batch_size": 20, "shards": 2, "epochs": 2, "output": "json",
            }
            """);
        var whole = CommandProcess.RunInAsync(folder.Folder, "local --job job.json --run-dir whole");
        using var serve = new CommandProcess(folder.Folder, "serve --job job.json --port 0 --run-dir served");
        using var worker = CommandProcess.Worker(folder.Folder, $"join --coordinator 127.0.0.1:{(await serve.LineAsync("listening on ")).Split(':')[^1].Split(',')[0]}");
        Assert.Equal(0, (await CommandProcess.RunInAsync(folder.Folder, "local --job job.json --max-steps 5 --checkpoint-dir saved --run-dir part")).ExitCode);
        var resumed = await CommandProcess.RunInAsync(folder.Folder, "local --resume --checkpoint-dir saved --max-steps 12 --output json --run-dir rest");
        string expected = Hash(await whole);
        Assert.Equal(expected, Hash(resumed));
        Assert.Equal(expected, Hash(await serve.EndAsync()));
        // The file that the run leaves is a job file that runs it again.
        Assert.Equal(expected, Hash(await CommandProcess.RunInAsync(folder.Folder, "local --job served/job.json --output json --run-dir again")));
        Assert.Equal(File.ReadAllText(Path.Combine(folder.Folder, "served", "job.json")), File.ReadAllText(Path.Combine(folder.Folder, "again", "job.json")));
        Assert.Equal(0, (await worker.EndAsync()).ExitCode);

        static string Hash(CommandResult result) => result.Last("finished").GetProperty("state_sha256").GetString()!;
    }

    [Fact]
    public async Task Check_tells_programs_what_is_wrong()
    {
        folder.Write("job.json", "{\n  \"data\": \"digits:10,0\",\n  \"model\": [\"Flatten\", { \"type\": \"Linear\", \"in_features\": 7 }] }");
        var result = await CommandProcess.RunInAsync(folder.Folder, "check --job job.json --output json");
        Assert.Equal(2, result.ExitCode);
        var problem = Assert.Single(result.Last("failed").GetProperty("problems").EnumerateArray());
        Assert.Equal(("job.json", 3, "model[1].in_features"), (problem.GetProperty("file").GetString(), problem.GetProperty("line").GetInt32(), problem.GetProperty("path").GetString()));
        Assert.Equal("job.json:3:44: model[1].in_features was 7, expected 784: the layer gets [784] a sample", Assert.Single(result.ErrorLines));
    }

    [Theory]
    [InlineData("{ \"epochs\": 3 \"seed\": 1 }", ":1:15: is no JSON")]
    [InlineData("[1]", ":1:1: the job was an array, expected an object")]
    [InlineData("", ":1:1: is no JSON")]
    [InlineData(null, ": no such file")]
    public void A_file_that_is_no_job_is_one_line(string? text, string expected)
    {
        var error = Assert.Throws<UserErrorException>(() => Options(text));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("""{ "optimizer": { "type": "AdamW", "betas": [0.9, 1.5] } }""", "optimizer.betas[1] was 1.5, expected a number of 0 or more and below 1")]
    [InlineData("""{ "optimizer": { "type": "SGD", "nesterov": true } }""", "optimizer")]
    [InlineData("""{ "schedule": { "type": "StepLR", "step_size": 0 } }""", "schedule.step_size was 0, expected a whole number of 1 or more")]
    [InlineData("""{ "optimizer": { "type": "SGD", "momentum": -1 } }""", "optimizer.momentum was -1, expected a number of 0 or more")]
    [InlineData("""{ "schedule": 3 }""", "schedule was 3, expected a text or one of")]
    [InlineData("""{ "data": { "path": "x" } }""", "data has no type, expected \"type\", one of digits, mnist")]
    [InlineData("""{ "data": { "type": "csv", "path": "x", "tarjet": "y" } }""", "data.tarjet is unknown; did you mean target?")]
    [InlineData("""{ "model": {} }""", "model was an object, expected one of mlp, mlp-wide, cnn, cnn-bn, char-gpt or an array")]
    [InlineData("""{ "batch-size": 3 }""", "batch-size is unknown; did you mean batch_size?")]
    [InlineData("""{ "model": [{ "type": "Linear", "out_features": 3000000000 }] }""", "model[0].out_features was 3000000000, expected a whole number from 1 to 2147483647")]
    [InlineData("""{ "model": [{ "type": "Linear", "out_features": -3 }] }""", "model[0].out_features was -3, expected a whole number of 1 or more")]
    [InlineData("""{ "model": [{ "type": "Conv2d", "out_channels": 2, "kernel_size": 3, "stride": 0 }] }""", "model[0].stride was 0, expected")]
    [InlineData("""{ "model": [{ "type": "Conv2d", "out_channels": 2, "kernel_size": [3, 0] }] }""", "model[0].kernel_size")]
    [InlineData("""{ "model": [{ "type": "AdaptiveAvgPool2d", "output_size": 0 }] }""", "model[0].output_size was 0, expected")]
    [InlineData("""{ "shards": 1.5 }""", "shards was 1.5, expected a whole number")]
    [InlineData("""{ "output": "yaml" }""", "output was 'yaml', expected one of text, json")]
    [InlineData("""{ "channel": "udp" }""", "channel was 'udp', expected one of auto, shm, tcp, akka")]
    [InlineData("""{ "seed": -1 }""", "seed was -1, expected a whole number of 0 or more")]
    [InlineData("""{ "epochs": 2000000 }""", "epochs was 2000000, expected a whole number from 1 to 1000000")]
    [InlineData("""{ "clip_norm": 0 }""", "clip_norm was 0, expected a number above 0")]
    [InlineData("""{ "betas": [0.9] }""", "betas has 1 elements, expected 2 or more elements")]
    [InlineData("""{ "drop_last": 1 }""", "drop_last was 1, expected true or false")]
    [InlineData("""{ "data": { "type": "csv", "path": "x", "task": "regresion" } }""", "data.task was 'regresion', expected one of auto, classification, regression, binary; did you mean regression?")]
    [InlineData("""{ "data": { "type": "csv", "path": "x", "test": 1.5 } }""", "data.test was 1.5, expected a number from 0 to 0.9")]
    [InlineData("""{ "data": { "type": "text", "path": "x", "window": 0 } }""", "data.window was 0, expected a whole number from 1 to 65536")]
    [InlineData("""{ "data": { "type": "csv", "path": "x", "standardize": "maybe" } }""", "data.standardize was 'maybe', expected one of yes, no")]
    [InlineData("""{ "data": { "type": "csv", "path": "x", "target": ["a&b", "c"] } }""", "data.target[0] was 'a&b', expected a text without '&'")]
    [InlineData("""{ "loss": "cross-entropi" }""", "did you mean cross-entropy?")]
    [InlineData("""{ "name": "a/b" }""", "name was 'a/b', expected letters, digits")]
    public void A_wrong_value_names_its_path_and_what_is_allowed(string text, string expected)
    {
        var error = Assert.Throws<JobErrorException>(() => Options(text));
        Assert.Contains(expected, Assert.Single(error.Problems).ToString(), StringComparison.Ordinal);
    }

    private LocalOptions Options(string? text) => Read(LocalCommand.Settings, new LocalOptions(), text);

    private T Read<T>(IReadOnlyList<Setting<T>> settings, T defaults, string? text)
    {
        string path = Path.Combine(folder.Folder, $"{Guid.NewGuid():N}.json");
        if (text is not null) File.WriteAllText(path, text);
        var layer = JobFile.Read(new GivenText("--job", path), settings, defaults);
        return SettingLayers.Bind(settings, defaults, new Dictionary<string, GivenText> { ["job"] = new("--job", path) }, layer);
    }
}
