using System.Collections.Immutable;

namespace DistTrain.Data;

/// <summary>
/// NumPy arrays: inputs and targets in two <c>.npy</c> files, or by name in one <c>.npz</c> archive. The first dimension counts samples. Integer targets of one
/// dimension are class labels, float targets are numbers to predict. Inputs of bytes are divided by 255, others are taken as they are.
/// </summary>
public static class NumpySource
{
    private static readonly string[] InputNames = ["x_train", "train_x", "x", "inputs", "data", "X"];
    private static readonly string[] TargetNames = ["y_train", "train_y", "y", "targets", "labels", "target"];
    private static readonly string[] TestInputNames = ["x_test", "test_x", "test_inputs"];
    private static readonly string[] TestTargetNames = ["y_test", "test_y", "test_targets", "test_labels"];

    internal static DataKind NpyKind => new(
        "npy",
        "npy:<inputs.npy>?targets=<targets.npy>",
        "NumPy arrays, one file each",
        [
            new("targets", "the file of targets", IsPath: true),
            new("test-inputs", "a file of inputs to test on", IsPath: true),
            new("test-targets", "the targets that belong to them", IsPath: true),
            .. CommonOptions,
        ],
        OpenFiles);

    internal static DataKind NpzKind => new(
        "npz",
        "npz:<file>",
        "NumPy arrays in an archive",
        [
            new("inputs", $"the array of inputs (default: the first there is of {string.Join(", ", InputNames)})"),
            new("targets", $"the array of targets (default: the first there is of {string.Join(", ", TargetNames)})"),
            new("test-inputs", $"the array of inputs to test on (default: the first there is of {string.Join(", ", TestInputNames)})"),
            new("test-targets", $"the targets that belong to them (default: the first there is of {string.Join(", ", TestTargetNames)})"),
            .. CommonOptions,
        ],
        OpenArchive);

    private static ImmutableArray<DataOption> CommonOptions =>
    [
        new("shape", "one input's shape, such as 1,28,28 (default: the array's without its first dimension)"),
        new("scale", "what inputs are multiplied by (default 1/255 for bytes, else 1)"),
        .. HoldOut.Options,
    ];

    private static DataSplit OpenFiles(DataSpec spec)
    {
        var inputs = spec.RequirePath("npy:<inputs.npy>?targets=<targets.npy>");
        var targets = spec.Text("targets") ?? throw new UserErrorException($"Data '{spec}' names no targets; expected npy:<inputs.npy>?targets=<targets.npy>");
        string? testInputs = spec.Text("test-inputs"), testTargets = spec.Text("test-targets");
        RequireBoth(spec, testInputs, testTargets);
        return Split(
            spec,
            NpyArray.ReadFile(inputs),
            NpyArray.ReadFile(targets),
            testInputs is null ? null : NpyArray.ReadFile(testInputs),
            testTargets is null ? null : NpyArray.ReadFile(testTargets));
    }

    private static DataSplit OpenArchive(DataSpec spec)
    {
        var path = spec.RequirePath("npz:<file>");
        var names = new[] { Known("inputs", InputNames), Known("targets", TargetNames), Known("test-inputs", TestInputNames), Known("test-targets", TestTargetNames) };
        var arrays = NpyArray.ReadArchive(path, name => names.Any(known => known.Contains(name)));
        var found = names.Select(known => known.Select(name => arrays.GetValueOrDefault(name)).FirstOrDefault(array => array is not null)).ToArray();
        for (var i = 0; i < found.Length; i++)
        {
            var option = new[] { "inputs", "targets", "test-inputs", "test-targets" }[i];
            if (found[i] is null && (i < 2 || spec.Text(option) is not null))
                throw new UserErrorException($"{path}: no array '{string.Join("' or '", names[i])}'; there are {string.Join(", ", NpyArray.Names(path))} (say which with {option}=<name>)");
        }
        RequireBoth(spec, found[2]?.Source, found[3]?.Source);
        return Split(spec, found[0]!, found[1]!, found[2], found[3]);

        string[] Known(string option, string[] usual) => spec.Text(option) is { } name ? [name] : usual;
    }

    private static void RequireBoth(DataSpec spec, string? inputs, string? targets)
    {
        if (inputs is null != targets is null)
            throw new UserErrorException($"Data '{spec}' has {(inputs is null ? "test targets without test inputs" : "test inputs without test targets")}; expected both or neither");
    }

    private static DataSplit Split(DataSpec spec, NpyArray inputs, NpyArray targets, NpyArray? testInputs, NpyArray? testTargets)
    {
        var name = Path.GetFileName(spec.Path);
        var classes = Classes(targets, testTargets);
        if (testInputs is not null)
        {
            var train = Make(spec, name + ", training samples", inputs, targets, All(inputs), classes);
            var test = Make(spec, name + ", test samples", testInputs, testTargets!, All(testInputs), classes);
            return train.Inputs.Equals(test.Inputs) && train.Targets.Equals(test.Targets) ? new(name, train, test)
                : throw new UserErrorException($"{testInputs.Source}: test samples are {test.Inputs} with {test.Targets}; expected {train.Inputs} with {train.Targets} as for training");
        }
        var (trainRows, testRows) = HoldOut.Of(spec).Choose(name, All(inputs).Length);
        return new(
            name,
            Make(spec, name + ", training samples", inputs, targets, trainRows, classes),
            testRows.Length == 0 ? null : Make(spec, name + ", test samples", inputs, targets, testRows, classes));
    }

    private static int[] All(NpyArray array) => array.Shape.Length > 0 ? [.. Enumerable.Range(0, array.Shape[0])]
        : throw new UserErrorException($"{array.Source}: a single number; expected a first dimension that counts samples");

    private static int Classes(NpyArray targets, NpyArray? testTargets)
    {
        if (targets.Kind == 'f')
            return 0;
        long most = 0;
        foreach (var array in (NpyArray?[])[targets, testTargets])
        {
            for (var i = 0; i < (array?.Length ?? 0); i++)
            {
                var label = array!.Kind == 'f' ? throw new UserErrorException($"{array.Source}: float targets; expected integers as for training") : array.Integer(i);
                if (label is < 0 or >= int.MaxValue)
                    throw new UserErrorException($"{array.Source}: label {i} is {label}; expected 0 or more");
                most = Math.Max(most, label);
            }
        }
        return (int)most + 1;
    }

    private static ArrayDataset Make(DataSpec spec, string name, NpyArray inputs, NpyArray targets, int[] rows, int classes)
    {
        if (targets.Shape.Length == 0 || inputs.Shape[0] != targets.Shape[0])
            throw new UserErrorException($"{targets.Source}: shape ({string.Join(", ", targets.Shape)}); expected {inputs.Shape[0]} targets first, one for each input");
        var inputLength = inputs.Length / inputs.Shape[0];
        var inputSpec = SampleSpec.Float32(spec.Shape("shape") ?? inputs.Shape[1..]);
        if (inputSpec.Length != inputLength)
            throw new UserErrorException($"Data '{spec}': shape was {spec.Text("shape")}, {inputSpec.Length} elements; expected {inputLength} as in ({string.Join(", ", inputs.Shape[1..])})");
        var scale = spec.Number("scale", inputs is { Kind: 'u', ItemSize: 1 } ? 1.0 / 255 : 1, -1e30, 1e30);
        var values = new float[rows.Length * inputLength];
        for (var i = 0; i < rows.Length; i++)
        {
            for (var j = 0; j < inputLength; j++)
            {
                var value = (float)(inputs.Number(rows[i] * inputLength + j) * scale);
                values[i * inputLength + j] = float.IsFinite(value) ? value
                    : throw new UserErrorException($"{inputs.Source}: element {j} of sample {rows[i]} is {value}; expected finite numbers");
            }
        }
        // A column of labels counts as labels: (n, 1) as well as (n).
        int[] targetShape = classes > 0 && targets.Shape.Length == 2 && targets.Shape[1] == 1 ? [] : targets.Shape[1..];
        var targetLength = targets.Length / targets.Shape[0];
        if (classes > 0)
        {
            var labels = new long[rows.Length * targetLength];
            for (var i = 0; i < labels.Length; i++)
                labels[i] = targets.Integer(rows[i / targetLength] * targetLength + i % targetLength);
            return new(name, values, inputSpec, labels, classes, null, SampleSpec.Int64(targetShape));
        }
        var numbers = new float[rows.Length * targetLength];
        for (var i = 0; i < numbers.Length; i++)
        {
            var value = (float)targets.Number(rows[i / targetLength] * targetLength + i % targetLength);
            numbers[i] = float.IsFinite(value) ? value
                : throw new UserErrorException($"{targets.Source}: target {i % targetLength} of sample {rows[i / targetLength]} is {value}; expected finite numbers");
        }
        return new(name, values, inputSpec, numbers, SampleSpec.Float32(targetShape.Length == 0 ? [1] : targetShape));
    }
}
