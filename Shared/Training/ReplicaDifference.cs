using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Tensors;

namespace DistTrain.Training;

/// <summary>Finds where two makings of one job differ, though they should not by a bit.</summary>
public static class ReplicaDifference
{
    private const int SamplesCompared = 4096;

    /// <summary>Whether two spans have the same bits.</summary>
    public static bool SameBits(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => MemoryMarshal.AsBytes(a).SequenceEqual(MemoryMarshal.AsBytes(b));

    /// <summary>What differs between two models before the first step, and the parameter; nulls for nothing.</summary>
    public static (string? What, string? Parameter) InModel(TrainingJob first, TrainingJob second)
    {
        var (a, b) = (new FlatModel(first.BuildModel()), new FlatModel(second.BuildModel()));
        if (a.Layout.Hash != b.Layout.Hash)
        {
            var mine = a.Layout.Parameters.Concat(a.Layout.Buffers).Select(Named).ToList();
            var other = b.Layout.Parameters.Concat(b.Layout.Buffers).Select(Named).ToList();
            if (mine.Except(other).Concat(other.Except(mine)).FirstOrDefault() is { } odd) return ($"the model is built in another way each time: {odd} is not in both", odd);
            string moved = mine.Where((name, i) => name != other[i]).First();
            return ($"the model is built in another way each time: {moved} is registered at another place", moved);
        }
        var (values, others) = (a.CopyValues(), b.CopyValues());
        var entry = a.Layout.Parameters.Concat(a.Layout.Buffers).FirstOrDefault(e => !SameBits(values.Slice(e.Offset, e.Length), others.Slice(e.Offset, e.Length)));
        return entry is null ? default : ($"the initial values of {entry.Name} are others each time: draw them by Init, which follows the job's seed", entry.Name);

        static string Named(LayoutEntry entry) => $"{entry.Name} [{string.Join(", ", entry.Shape)}]";
    }

    /// <summary>What differs between two readings of the training data; null for nothing. The first samples are compared, as the first two epochs read them.</summary>
    public static string? InData(DataSplit first, DataSplit second)
    {
        var (a, b) = (first.Train, second.Train);
        if (a.Count != b.Count || !a.Inputs.Equals(b.Inputs) || !a.Targets.Equals(b.Targets)) return $"the data is other data each time: {a.Count} samples of {a.Inputs}, then {b.Count} of {b.Inputs}";
        var (inputs, targets) = ((new SampleBuffer(a.Inputs, 1), new SampleBuffer(a.Inputs, 1)), (new SampleBuffer(a.Targets, 1), new SampleBuffer(a.Targets, 1)));
        for (int epoch = 0; epoch < 2; epoch++)
        {
            var context = new ReadContext(0, epoch);
            for (int i = 0; i < Math.Min(a.Count, SamplesCompared); i++)
            {
                a.Read(context, [i], inputs.Item1.Span(1), targets.Item1.Span(1));
                b.Read(context, [i], inputs.Item2.Span(1), targets.Item2.Span(1));
                string? part = !inputs.Item1.Bytes(1).SequenceEqual(inputs.Item2.Bytes(1)) ? "input" : !targets.Item1.Bytes(1).SequenceEqual(targets.Item2.Bytes(1)) ? "target" : null;
                if (part is not null) return $"the data is other data each time: the {part} of sample {i} of {a.Name} differs; what varies must follow the context's seed and epoch alone";
            }
        }
        return null;
    }

    /// <summary>What differs when the first pieces are computed by two makings, and again by the first; null for nothing.</summary>
    public static string? InPiece(TrainingJob first, TrainingJob second)
    {
        using var a = new ModelReplica(first);
        using var b = new ModelReplica(second);
        var plan = first.Plan();
        var weights = a.InitialValues();
        var gradients = new FloatBuffer[3];
        for (int piece = 0; piece < Math.Min(plan.Pieces, 2); piece++)
        {
            var outputs = new List<(string Name, string Hash)>[3];
            for (int i = 0; i < 3; i++)
            {
                gradients[i] = new FloatBuffer(a.Layout.Length);
                outputs[i] = Observed(i == 1 ? b : a, plan.PieceAt(0, piece), weights, gradients[i]);
            }
            for (int i = 1; i < 3; i++)
            {
                string when = i == 1 ? "when another worker computes it" : "when it is computed again";
                int at = Enumerable.Range(0, Math.Min(outputs[0].Count, outputs[i].Count)).FirstOrDefault(n => outputs[0][n] != outputs[i][n], -1);
                if (at >= 0) return $"the output of layer {outputs[0][at].Name} differs {when}, on the same input";
                var entry = a.Layout.Parameters.LastOrDefault(e => !SameBits(gradients[0].Slice(e.Offset, e.Length), gradients[i].Slice(e.Offset, e.Length)));
                if (entry is not null) return $"the gradient of {entry.Name} differs {when}";
            }
        }
        return null;
    }

    private static List<(string Name, string Hash)> Observed(ModelReplica replica, PieceId piece, FloatBuffer weights, FloatBuffer gradient)
    {
        var names = new Dictionary<Module, string>(ReferenceEqualityComparer.Instance);
        Name(replica.Model, "");
        var seen = new List<(string, string)>();
        Sequential.Observer = (module, output) =>
        {
            if (output.Type == DType.Float32) seen.Add((names[module], Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(output.Detach().Contiguous().Span)))));
        };
        try
        {
            replica.Compute(piece, weights, gradient, null);
        }
        finally
        {
            Sequential.Observer = null;
        }
        return seen;

        void Name(Module module, string path)
        {
            names[module] = $"{path} ({module.GetType().Name})";
            foreach (var (name, child) in module.NamedChildren()) Name(child, path.Length == 0 ? name : $"{path}.{name}");
        }
    }
}
