using DistTrain.Autograd;
using DistTrain.Coordinator.Hosting;
using DistTrain.Data;
using DistTrain.Examples.SpamFilter;
using DistTrain.Nn;
using DistTrain.Nn.Files;
using DistTrain.Nn.Models;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Training.Code;
using DistTrain.Worker.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace DistTrain.Tests.Examples;

/// <summary>The C# of docs/*.md as it stands there, so that it is compiled, and run by <see cref="DocsTests"/>.</summary>
internal static class DocSnippets
{
    /// <summary>docs/data.md.</summary>
    public sealed class Parity() : Dataset("parity", count: 1000, SampleSpec.Float32(10), SampleSpec.Label)
    {
        public override int Classes => 2;

        protected override void ReadSample(ReadContext context, int index, SampleSpan input, SampleSpan target)
        {
            for (var bit = 0; bit < 10; bit++)
                input.Float32[bit] = index >> bit & 1;
            target.Int64[0] = System.Numerics.BitOperations.PopCount((uint)index) & 1;
        }
    }

    /// <summary>docs/evaluation.md.</summary>
    public static void Evaluation(DataSplit data, TextWriter console)
    {
        var job = new TrainingJob
        {
            Model = () => new Sequential(new Linear(20, 64), new ReLU(), new Linear(64, 1)),
            Data = data,
            Loss = new BCEWithLogitsLoss(),
            Metrics = ["f1", "roc-auc"],
            EarlyStop = new EarlyStopping("f1", Patience: 5),
        };
        using var trainer = new Trainer(job);
        trainer.Run(epoch => console.WriteLine($"{epoch.Test!.Loss:F4} {epoch.Test.Metrics!["f1"]:P1}"));
        // trainer.BestWeights, trainer.Watched.BestEpoch, trainer.StoppedEarly
        _ = (trainer.BestWeights, trainer.Watched.BestEpoch, trainer.StoppedEarly);
    }

    /// <summary>docs/export.md.</summary>
    public static void Export(Module model)
    {
        OnnxExport.Save("model.onnx", model, DType.Float32, [OnnxValue.Dynamic, 3, 32, 32]);
        SafeTensors.Save("model.safetensors", model);
    }

    /// <summary>docs/export.md.</summary>
    public class Residual : Module
    {
        private readonly Linear first = new(4, 8);
        private readonly Linear second = new(8, 4);

        public override Tensor Forward(Tensor input) => second.Forward(first.Forward(input).Relu()) + input;
    }

    /// <summary>docs/export.md.</summary>
    public sealed class SaysItself : Module
    {
        private readonly Linear first = new(4, 8);
        private readonly Linear second = new(8, 4);

        public override Tensor Forward(Tensor input) => second.Forward(first.Forward(input).Relu()) + input;

        public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Add(graph.Apply(second, graph.Relu(graph.Apply(first, input))), input);
    }

    /// <summary>docs/jobs.md.</summary>
    public static void Host(IServiceCollection services)
    {
        services.AddDistTrainCoordinator(options =>
        {
            options.Code = JobCode.Of<SpamFilterJob>();
            options.MinWorkers = 2;
        });
        services.AddDistTrainWorker(options =>
        {
            options.Coordinator = "10.0.0.1:4053";
            options.Jobs = JobAssembly.Of(typeof(SpamFilterJob).Assembly);
        });
    }

    /// <summary>docs/language-models.md.</summary>
    public static void Generate(CharGpt model, ITokenizer tokenizer, TextWriter console)
    {
        var generator = new TextGenerator(model);                  // a CharGpt, or any module that is an ILanguageModel
        foreach (int token in generator.Generate(tokenizer.Encode("ROMEO:"), new GenerationOptions { Tokens = 200, Temperature = 0.8, TopK = 40, Seed = 1 }))
            console.Write(tokenizer.Decode([token]));
    }
}
