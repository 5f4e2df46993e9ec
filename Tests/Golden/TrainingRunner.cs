using System.Globalization;
using System.Text.Json;
using DistTrain.Autograd;
using DistTrain.Nn;

namespace DistTrain.Tests.Golden;

/// <summary>Whole trainings: the same model, batches and optimizer as the figure's, compared after every step and at the end.</summary>
internal static class TrainingRunner
{
    private static readonly Dictionary<string, Func<int[], Module>> Layers = new()
    {
        ["Linear"] = a => new Linear(a[0], a[1]),
        ["Conv1d"] = a => new Conv1d(a[0], a[1], a[2]),
        ["Conv2d"] = a => new Conv2d(a[0], a[1], a[2]),
        ["ConvTranspose2d"] = a => new ConvTranspose2d(a[0], a[1], a[2]),
        ["MaxPool2d"] = a => new MaxPool2d(a[0]),
        ["AvgPool2d"] = a => new AvgPool2d(a[0]),
        ["AdaptiveAvgPool2d"] = a => new AdaptiveAvgPool2d(a[0]),
        ["BatchNorm1d"] = a => new BatchNorm1d(a[0]),
        ["BatchNorm2d"] = a => new BatchNorm2d(a[0]),
        ["LayerNorm"] = a => new LayerNorm(a[0]),
        ["RMSNorm"] = a => new RMSNorm(a[0]),
        ["GroupNorm"] = a => new GroupNorm(a[0], a[1]),
        ["Embedding"] = a => new Embedding(a[0], a[1]),
        ["Flatten"] = _ => new Flatten(),
        ["Identity"] = _ => new Identity(),
        ["ReLU"] = _ => new ReLU(),
        ["LeakyReLU"] = _ => new LeakyReLU(),
        ["ELU"] = _ => new ELU(),
        ["GELU"] = _ => new GELU(),
        ["SiLU"] = _ => new SiLU(),
        ["Mish"] = _ => new Mish(),
        ["Softplus"] = _ => new Softplus(),
        ["Hardtanh"] = _ => new Hardtanh(),
        ["Hardswish"] = _ => new Hardswish(),
        ["Sigmoid"] = _ => new Sigmoid(),
        ["LogSigmoid"] = _ => new LogSigmoid(),
        ["Tanh"] = _ => new Tanh(),
        ["Softmax"] = a => new Softmax(a.Length > 0 ? a[0] : -1),
        ["LogSoftmax"] = a => new LogSoftmax(a.Length > 0 ? a[0] : -1),
    };

    private static readonly Dictionary<string, Loss> Losses = new()
    {
        ["cross_entropy"] = new CrossEntropyLoss(),
        ["nll_loss"] = new NLLLoss(),
        ["mse_loss"] = new MSELoss(),
        ["l1_loss"] = new L1Loss(),
        ["huber_loss"] = new HuberLoss(),
        ["smooth_l1_loss"] = new SmoothL1Loss(),
        ["binary_cross_entropy_with_logits"] = new BCEWithLogitsLoss(),
    };

    public static void Run(JsonElement figure)
    {
        var model = new Sequential([.. figure.GetProperty("layers").EnumerateArray().Select(l => Layer(l.GetString()!))]);
        model.LoadStateDict(Figure.Dictionary(figure.GetProperty("initial")));
        string lossName = figure.GetProperty("loss").GetString()!;
        if (!Losses.TryGetValue(lossName, out var loss)) throw new NotSupportedException($"there is no loss called {lossName}");
        var options = new Attributes(figure.GetProperty("options"));
        var optimizer = OptimizerTable.Make(figure.GetProperty("optimizer").GetString()!, model.Parameters(), options);
        options.AllWereRead();

        foreach (var (step, (batch, expected)) in figure.GetProperty("batches").EnumerateArray().Zip(figure.GetProperty("losses").EnumerateArray()).Index())
        {
            optimizer.ZeroGrad();
            var value = loss.Compute(model.Forward(Figure.Tensor(batch.GetProperty("x"))), Figure.Tensor(batch.GetProperty("y")));
            value.Backward();
            optimizer.Step();
            Figure.Close(expected.GetDouble(), value.Item(), $"loss of step {step}", absolute: 0, relative: 1e-4);
        }

        var final = model.StateDict();
        foreach (var expected in figure.GetProperty("final").EnumerateObject()) Figure.Close(expected.Value, final[expected.Name], expected.Name, absolute: 1e-4, relative: 1e-3);
    }

    /// <summary><c>Linear(8,16)</c> or <c>ReLU</c>.</summary>
    private static Module Layer(string text)
    {
        int open = text.IndexOf('(');
        string name = open < 0 ? text : text[..open];
        int[] arguments = open < 0 ? [] : [.. text[(open + 1)..^1].Split(',').Select(a => int.Parse(a, CultureInfo.InvariantCulture))];
        return Layers.TryGetValue(name, out var make) ? make(arguments) : throw new NotSupportedException($"there is no layer called {name}");
    }
}
