using DistTrain.Data;

namespace DistTrain.Tests.Data;

public sealed class CsvTests : IDisposable
{
    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Fact]
    public void Numbers_and_categories_become_inputs_and_text_becomes_classes()
    {
        var file = temp.Write("pets.csv", "weight, kind, age, fate\n4,cat,2,kept\n30,dog,,sold\n5,cat,6,kept\n1,?,4,sold\n");
        var split = DataSources.Open($"csv:{file}?test=0");
        Assert.Null(split.Test);
        Assert.Equal(["weight", "kind=cat", "kind=dog", "age"], split.Encoding!.InputNames);
        Assert.Equal(TableTask.Classification, split.Encoding.Task);
        Assert.Equal(["kept", "sold"], split.Train.ClassNames!);
        var (inputs, labels) = ReadLabels(split.Train);
        Assert.Equal([0, 1, 0, 1], labels);
        // weight: mean 10, deviation sqrt((36+400+25+81)/4); age: mean 4 stands in for the missing one, deviation sqrt(8/3).
        float w = MathF.Sqrt(135.5f), a = (float)Math.Sqrt(8.0 / 3);
        float[] expected = [-6 / w, 1, 0, -2 / a, 20 / w, 0, 1, 0, -5 / w, 1, 0, 2 / a, -9 / w, 0, 0, 0];
        Assert.Equal(expected.Length, inputs.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], inputs[i], 1e-6f);
    }

    [Fact]
    public void Quoted_fields_hold_delimiters_line_ends_and_quotes()
    {
        var file = temp.Write("q.csv", "\uFEFFa,\"the, b\",y\r\n\"1\",\"x\"\"y\",no\r\n2,\"two\nlines\",yes\r\n\r\n3,\"x\"\"y\",no");
        var split = DataSources.Open($"csv:{file}?test=0&standardize=no");
        Assert.Equal(["a", "the, b=two\nlines", "the, b=x\"y"], split.Encoding!.InputNames);
        Assert.Equal([1, 0, 1, 2, 1, 0, 3, 0, 1], ReadLabels(split.Train).Inputs);
    }

    [Fact]
    public void Standardisation_and_categories_are_fitted_on_training_rows_only()
    {
        var file = temp.Write("t.csv", "x,c,y\n1,a,0.5\n3,b,1.5\n1000,z,2.5\n");
        var split = DataSources.Open($"csv:{file}?test=0.34&split=tail");
        Assert.Equal((2, 1), (split.Train.Count, split.Test!.Count));
        Assert.Equal(["x", "c=a", "c=b"], split.Encoding!.InputNames);
        var (inputs, targets) = ReadFloats(split.Test);
        Assert.Equal([998, 0, 0], inputs); // (1000 - 2) / 1; category z was never trained on
        Assert.Equal([2.5f], targets);
        Assert.Equal(SampleSpec.Float32(1), split.Test.Targets);
    }

    [Fact]
    public void A_share_is_held_out_by_seed_and_both_parts_keep_the_files_order()
    {
        var file = temp.Write("n.csv", "x,y\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $"{i},{i}.5\n")));
        var one = DataSources.Open($"csv:{file}?standardize=no");
        var train = ReadFloats(one.Train).Inputs;
        var test = ReadFloats(one.Test!).Inputs;
        Assert.Equal((80, 20), (train.Length, test.Length));
        Assert.Equal(train.Order(), train);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (float)i), train.Concat(test).Order());
        Assert.Equal(test, ReadFloats(DataSources.Open($"csv:{file}?standardize=no").Test!).Inputs);
        Assert.NotEqual(test, ReadFloats(DataSources.Open($"csv:{file}?standardize=no&split-seed=1").Test!).Inputs);
    }

    [Fact]
    public void A_test_file_has_its_columns_found_by_name()
    {
        var train = temp.Write("train.csv", "x,y\n1,a\n2,b\n");
        var test = temp.Write("test.csv", "y,extra,x\nb,9,4\nc,9,5\n");
        var split = DataSources.Open($"csv:{train}?target=y&standardize=no&test-file={test}");
        Assert.Equal(2, split.Train.Count);
        Assert.Equal(["a", "b", "c"], split.Test!.ClassNames!); // a class that only the test file has is one too
        Assert.Equal([4, 5], ReadLabels(split.Test).Inputs);
        Assert.Equal([1, 2], ReadLabels(split.Test).Labels);
    }

    [Fact]
    public void Tabs_semicolons_no_header_and_several_targets()
    {
        var tsv = temp.Write("t.tsv", "1\t2\t3\n4\t5\t6\n");
        var split = DataSources.Open($"tsv:{tsv}?header=no&target=column1,column3&test=0&standardize=no");
        Assert.Equal(TableTask.Regression, split.Encoding!.Task);
        var (inputs, targets) = ReadFloats(split.Train);
        Assert.Equal([2, 5], inputs);
        Assert.Equal([1, 3, 4, 6], targets);

        var semicolons = temp.Write("s.csv", "a;b;c\n1;2;0\n3;4;1\n");
        split = DataSources.Open($"csv:{semicolons}?delimiter=semicolon&ignore=a&task=binary&test=0&standardize=no");
        Assert.Equal(SampleSpec.Float32(1), split.Train.Targets);
        (inputs, targets) = ReadFloats(split.Train);
        Assert.Equal([2, 4], inputs);
        Assert.Equal([0, 1], targets);
    }

    [Theory]
    [InlineData("")]
    [InlineData("&task=binary")]
    public void Several_columns_of_yes_and_no_are_labels(string task)
    {
        var file = temp.Write("tags.csv", "x,red,size\n1,yes,big\n2,no,small\n3,no,big\n4,yes,small\n");
        foreach (var pack in (string[])["", "&pack=" + Path.Combine(temp.Folder, "packed")])
        {
            var split = DataSources.Open($"csv:{file}?target=red,size&test=0&standardize=no{task}{pack}");
            Assert.Equal((SampleSpec.Float32(2), TableTask.Binary), (split.Train.Targets, split.Encoding!.Task));
            Assert.Equal(["no", "yes", "big", "small"], split.Encoding.Classes.AsEnumerable());
            Assert.Equal([1, 0, 0, 1, 0, 0, 1, 1], ReadFloats(split.Train).Targets);
        }
        var third = temp.Write("third.csv", "x,red,size\n1,yes,1\n2,no,2\n3,perhaps,1\n");
        Assert.Contains("target 'red' has 3 different values; expected 2", Assert.Throws<UserErrorException>(() => DataSources.Open($"csv:{third}?target=red,size&task=binary")).Message, StringComparison.Ordinal);
        Assert.Contains("target 'red' holds categories such as 'no'", Assert.Throws<UserErrorException>(() => DataSources.Open($"csv:{third}?target=red,size")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0,1,2,3", "auto", TableTask.Classification)]
    [InlineData("0.5,1,2,3", "auto", TableTask.Regression)]
    [InlineData("10,1,10,1", "regression", TableTask.Regression)]
    [InlineData("10,1,10,1", "auto", TableTask.Classification)]
    [InlineData("yes,no,no,yes", "auto", TableTask.Classification)]
    public void The_task_follows_from_the_target(string targets, string task, TableTask expected)
    {
        var file = temp.Write("t.csv", "x,y\n" + string.Concat(targets.Split(',').Select(t => $"1,{t}\n")));
        Assert.Equal(expected, DataSources.Open($"csv:{file}?test=0&task={task}").Encoding!.Task);
        if (expected == TableTask.Classification && targets.StartsWith("10", StringComparison.Ordinal))
            Assert.Equal(["1", "10"], DataSources.Open($"csv:{file}?test=0").Train.ClassNames!);
    }

    public static TheoryData<string, string, string> MalformedRows => new()
    {
        { "x,y\n1,2\n3\n5,6\n", "line 3", "1 field; expected 2" },
        { "x,y\n1,2\n3,4,5\n5,6\n", "line 3", "3 fields; expected 2" },
        { "x,y\n1,2\n\n\nabc,4\n5,6\n", "line 5, column 'x'", "value 'abc' is not a number; expected a finite number" },
        { "x,y\n1,2\n1e999,4\n5,6\n", "line 3, column 'x'", "value '1e999' is not a number" },
        { "x,y\n1,2\n3,NA\n5,6\n", "line 3, column 'y'", "value 'NA' is missing; expected one" },
        { "x,z,y\n1,\"a\nb\",2\n3,\"a\"b,4\n5,c,6\n", "line 4", "'b' follows the closing quote of field 2" },
        { "x,y\n1,2\n5,6\n\"7,8\n9,10", "line 4", "the quote of field 1 is never closed" },
    };

    [Theory]
    [MemberData(nameof(MalformedRows))]
    public void A_malformed_row_is_named_or_skipped_and_counted(string text, string place, string problem)
    {
        var file = temp.Write("bad.csv", text);
        var error = Assert.Throws<UserErrorException>(() => DataSources.Open($"csv:{file}?test=0"));
        Assert.StartsWith($"{file}, {place}: {problem}", error.Message);
        Assert.DoesNotContain('\n', error.Message);

        var split = DataSources.Open($"csv:{file}?test=0&on-bad-row=skip");
        Assert.Equal(2, split.Train.Count);
        var notice = Assert.Single(split.Notices);
        Assert.StartsWith($"{file}: skipped 1 malformed row; the first: {place}: {problem}", notice);
    }

    [Theory]
    [InlineData("", "", "empty; expected a line of column names")]
    [InlineData("x,y\n", "", "no rows of data")]
    [InlineData("x,x\n1,2\n", "", "line 1: two columns are named 'x'")]
    [InlineData("x,y\n1,2\n", "target=z", "no column 'z'; there are x, y")]
    [InlineData("x,y\n1,2\n", "ignore=z", "no column 'z'; there are x, y")]
    [InlineData("x,y\n1,a\n", "test=0", "target 'y' has 1 different value; expected 2 or more")]
    [InlineData("x,y\n1,a\n2,b\n3,c\n", "task=binary&test=0", "target 'y' has 3 different values; expected 2")]
    [InlineData("x,y\n1,a\n2,b\n", "task=regression&test=0", "target 'y' holds categories such as 'a'; expected numbers for regression")]
    [InlineData("y\n1\n2\n", "test=0", "no column is left for inputs")]
    [InlineData("x,y\n1,2\n", "delimiter=dot", "delimiter was 'dot'; expected one of comma, tab, semicolon, space, bar")]
    [InlineData("x,y\n1,2\n", "test=1.5", "test was '1.5'; expected a number from 0 to 0.9")]
    [InlineData("x,y\n1,2\n", "test-file=nowhere.csv", "nowhere.csv: no such file")]
    public void A_file_that_cannot_be_used_is_refused_in_one_line(string text, string options, string message)
    {
        var file = temp.Write("t.csv", text);
        var error = Assert.Throws<UserErrorException>(() => DataSources.Open($"csv:{file}?{options}"));
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_column_of_names_is_refused_with_its_name()
    {
        var file = temp.Write("t.csv", "name,y\n" + string.Concat(Enumerable.Range(0, 1500).Select(i => $"n{i},{i % 2}\n")));
        var error = Assert.Throws<UserErrorException>(() => DataSources.Open($"csv:{file}?test=0"));
        Assert.Contains("column 'name' has 1500 different values, expected at most 1000; leave it out with ignore=name", error.Message);
    }

    [Fact]
    public void Bytes_that_are_not_text_are_refused()
    {
        var file = temp.Write("t.csv", [(byte)'x', (byte)',', (byte)'y', (byte)'\n', 0xFF, 0xFE, (byte)'\n']);
        Assert.Contains("not UTF-8 text", Assert.Throws<UserErrorException>(() => DataSources.Open($"csv:{file}")).Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("&task=classification")]
    [InlineData("&test=0")]
    [InlineData("&on-bad-row=skip&standardize=no")]
    public void Rows_packed_into_a_folder_are_the_same_samples(string options)
    {
        // More rows than are held at a time.
        var bad = options.Contains("skip", StringComparison.Ordinal) ? "1,2\n" : "";
        var file = temp.Write("t.csv", "x,c,y\n" + bad + string.Concat(Enumerable.Range(0, 9000).Select(i => $"{i * 7 % 1000}.25,{"abc"[i % 3]},{i % 11}\n")));
        var plain = DataSources.Open($"csv:{file}?split-seed=3{options}");
        using var packs = new TempFolder();
        var packed = DataSources.Open($"csv:{file}?split-seed=3{options}&pack={packs.Folder}");
        PackedTests.AssertSame(plain.Train, packed.Train);
        Assert.Equal(plain.Test is null, packed.Test is null);
        if (plain.Test is not null)
            PackedTests.AssertSame(plain.Test, packed.Test!);
        Assert.Equal(plain.Notices.ToArray(), packed.Notices.ToArray());
        Assert.Equal(plain.Encoding!.InputNames, packed.Encoding!.InputNames);
        Assert.Equal(plain.Encoding.Classes.ToArray(), DataSources.Open($"packed:{packs.Folder}").Encoding!.Classes.ToArray());
    }

    [Fact]
    public void Rows_to_predict_are_read_as_the_training_rows_were()
    {
        var train = DataSources.Open($"csv:{temp.Write("t.csv", "x,c,y\n1,a,no\n3,b,yes\n")}?test=0");
        var rows = CsvSource.Open(DataSpec.Parse($"csv:{temp.Write("p.csv", "c,x\nb,2\nq,5\n")}"), train.Encoding!, withTargets: false);
        Assert.Equal([0, 0, 1, 3, 0, 0], ReadLabels(rows).Inputs);
        Assert.Equal(train.Train.ClassNames, rows.ClassNames);
    }

    private static (float[] Inputs, long[] Labels) ReadLabels(IDataset dataset)
    {
        var inputs = new float[dataset.Count * dataset.Inputs.Length];
        var labels = new long[dataset.Count];
        dataset.Read(ReadContext.Evaluation, Enumerable.Range(0, dataset.Count).ToArray(), inputs, labels);
        return (inputs, labels);
    }

    private static (float[] Inputs, float[] Targets) ReadFloats(IDataset dataset)
    {
        var inputs = new float[dataset.Count * dataset.Inputs.Length];
        var targets = new float[dataset.Count * dataset.Targets.Length];
        dataset.Read(ReadContext.Evaluation, Enumerable.Range(0, dataset.Count).ToArray(), inputs, targets);
        return (inputs, targets);
    }

    [Theory]
    [InlineData(";", "n;height;kind\n1;1,5;a\n2;2,75;b\n3;-0,5;a\n", "height", "1,5")]
    [InlineData(",", "n,price\n1,\"1,200\"\n2,\"3,400\"\n3,7\n", "price", "1,200")]
    public void Numbers_with_a_comma_in_them_are_no_categories(string delimiter, string text, string column, string example)
    {
        var file = temp.Write("c.csv", text);
        var options = delimiter == ";" ? "&delimiter=semicolon" : "";
        var error = Assert.Throws<UserErrorException>(() => DataSources.Open($"csv:{file}?test=0{options}"));
        Assert.Contains($"c.csv: column '{column}' has numbers with a comma in them, such as '{example}'", error.Message, StringComparison.Ordinal);
        DataSources.Open($"csv:{file}?test=0{options}&categorical={column}");
        if (delimiter == ";")
            DataSources.Open($"csv:{file}?test=0{options}&ignore={column}&target=kind");
    }

    [Fact]
    public void Numbers_too_large_for_training_are_refused()
    {
        foreach (var (text, name) in new[] { ("x,y\n1,0.5\n2,1e300\n", "target 'y'"), ("x,y\n1e300,0.5\n2,1.5\n", "column 'x'") })
        {
            var file = temp.Write("large.csv", text);
            var error = Assert.Throws<UserErrorException>(() => DataSources.Open($"csv:{file}?test=0&standardize=no&task=regression"));
            Assert.Contains($"{name} is 1E+300; expected finite numbers", error.Message, StringComparison.Ordinal);
        }
    }
}
