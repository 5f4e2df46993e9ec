using System.Text.Json;
using DistTrain.Autograd;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;

namespace DistTrain.Tests.Golden;

/// <summary>
/// Figures computed by PyTorch in float64, one file a case. An operation, optimizer, schedule, layer or setting that the tables do not know is a failure, never a skip.
/// </summary>
[Trait("Category", "Golden")]
public class GoldenTests
{
    public static TheoryData<string> Files() => [.. GoldenFiles.All()];

    [Theory]
    [MemberData(nameof(Files))]
    public void Figure_holds(string file)
    {
        var figure = GoldenFiles.Read(file);
        string kind = file.Split('/')[0];
        switch (kind)
        {
            case "ops": Operation(figure); break;
            case "optimizers": Optimizer(figure); break;
            case "schedules": Schedule(figure); break;
            case "training": TrainingRunner.Run(figure); break;
            case "modules": ModuleRunner.Run(figure); break;
            case "clipping": Clipping(figure); break;
            case "metrics": MetricRunner.Run(figure); break;
            default: Assert.Fail($"{file}: there is no kind of figure called {kind}"); break;
        }
    }

    private static void Operation(JsonElement figure)
    {
        var run = new OperationRun(figure);
        var output = run.Forward();
        Figure.Close(figure.GetProperty("output"), output, "output");
        output.Backward(Figure.Tensor(figure.GetProperty("grad_output")));
        run.CheckGradients();
    }

    private static void Optimizer(JsonElement figure)
    {
        var parameters = Figure.List(figure.GetProperty("initial")).Select(t => new Parameter(t)).ToArray();
        var options = new Attributes(figure.GetProperty("options"));
        var optimizer = OptimizerTable.Make(figure.GetProperty("optimizer").GetString()!, parameters, options);
        options.AllWereRead();
        foreach (var (step, (gradients, after)) in figure.GetProperty("grads").EnumerateArray().Zip(figure.GetProperty("params").EnumerateArray()).Index())
        {
            foreach (var (parameter, gradient) in parameters.Zip(Figure.List(gradients)))
            {
                parameter.ZeroGrad();
                parameter.Value.Backward(gradient);
            }
            optimizer.Step();
            foreach (var (i, expected) in after.EnumerateArray().Index()) Figure.Close(expected, parameters[i].Value, $"parameter {i} after step {step + 1}");
        }
    }

    private static void Clipping(JsonElement figure)
    {
        var parameters = Figure.List(figure.GetProperty("grads")).Select(t => new Parameter(Tensor.Zeros(t.Shape))).ToArray();
        foreach (var (parameter, gradient) in parameters.Zip(Figure.List(figure.GetProperty("grads")))) parameter.Value.Backward(gradient);
        double limit = figure.GetProperty("max").GetDouble();
        switch (figure.GetProperty("clip").GetString())
        {
            case "norm": Figure.Close(figure.GetProperty("norm").GetDouble(), Clip.Norm(parameters, limit), "norm", absolute: 1e-5, relative: 1e-4); break;
            case "value": Clip.Value(parameters, limit); break;
            default: Assert.Fail($"there is no clipping by {figure.GetProperty("clip")}"); break;
        }
        foreach (var (i, after) in figure.GetProperty("after").EnumerateArray().Index()) Figure.Close(after, parameters[i].Grad!.Value, $"gradient {i}");
    }

    private static void Schedule(JsonElement figure)
    {
        var options = new Attributes(figure.GetProperty("options"));
        var schedule = ScheduleTable.Make(figure.GetProperty("schedule").GetString()!, figure.GetProperty("base_lr").GetDouble(), options);
        options.AllWereRead();
        var metrics = figure.TryGetProperty("metrics", out var values) ? values.EnumerateArray().Select(v => v.GetDouble()).ToArray() : null;
        foreach (var (step, rate) in figure.GetProperty("lr").EnumerateArray().Index())
        {
            Figure.Close(rate.GetDouble(), schedule.Rate(), $"rate of step {step}", absolute: 0, relative: 1e-9);
            schedule.Step(metrics?[step]);
        }
    }
}
