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
        ["ReLU"] = _ => new ReLU(),
        ["Flatten"] = _ => new Flatten(),
    };

    private static readonly Dictionary<string, Loss> Losses = new()
    {
        ["cross_entropy"] = new CrossEntropyLoss(),
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
