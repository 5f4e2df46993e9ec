using DistTrain.Data;
using Parquet;
using Parquet.Schema;

namespace DistTrain.Tests.Data;

public sealed class ParquetTests : IDisposable
{
    private readonly TempFolder temp = new();
    private readonly string file;

    public ParquetTests() => file = Path.Combine(temp.Folder, "t.parquet");

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task Columns_of_every_simple_type_are_read_over_several_row_groups()
    {
        DataField<double?> weight = new("weight");
        DataField<int> age = new("age");
        DataField<bool> tame = new("tame");
        DataField<string> kind = new("kind"), fate = new("fate");
        await Write(
            [weight, age, tame, kind, fate],
            async group =>
            {
                await group.WriteAsync<double>(weight, new double?[] { 4, null });
                await group.WriteAsync<int>(age, new[] { 2, 3 });
                await group.WriteAsync<bool>(tame, new[] { true, false });
                await group.WriteAsync(kind, ["cat", "dog"]);
                await group.WriteAsync(fate, ["kept", "sold"]);
            },
            async group =>
            {
                await group.WriteAsync<double>(weight, new double?[] { 6 });
                await group.WriteAsync<int>(age, new[] { 5 });
                await group.WriteAsync<bool>(tame, new[] { true });
                await group.WriteAsync(kind, ["cat"]);
                await group.WriteAsync(fate, ["sold"]);
            });
        var split = DataSources.Open($"parquet:{file}?test=0&standardize=no");
        Assert.Equal(["weight", "age", "tame", "kind=cat", "kind=dog"], split.Encoding!.InputNames);
        var inputs = new float[15];
        var labels = new long[3];
        split.Train.Read(ReadContext.Evaluation, [0, 1, 2], inputs, labels);
        Assert.Equal([4, 2, 1, 1, 0, 5, 3, 0, 0, 1, 6, 5, 1, 1, 0], inputs); // the missing weight is the mean, 5
        Assert.Equal([0, 1, 1], labels);
    }

    [Fact]
    public async Task A_missing_target_and_an_infinite_number_are_malformed_rows()
    {
        DataField<float> x = new("x");
        DataField<long?> y = new("y");
        await Write([x, y], async group =>
        {
            await group.WriteAsync<float>(x, new[] { 1f, 2, float.PositiveInfinity, 4 });
            await group.WriteAsync<long>(y, new long?[] { 10, null, 30, 40 });
        });
        Assert.StartsWith($"{file}, row 1, column 'y': value is missing; expected one", Refused($"parquet:{file}"));
        var split = DataSources.Open($"parquet:{file}?on-bad-row=skip&test=0&task=regression");
        Assert.Equal(2, split.Train.Count);
        Assert.Contains("skipped 2 malformed rows; the first: row 1, column 'y'", Assert.Single(split.Notices));
    }

    [Fact]
    public async Task Rows_to_predict_are_read_as_the_training_rows_were()
    {
        DataField<float> x = new("x");
        DataField<string> y = new("y");
        await Write([x, y], async group =>
        {
            await group.WriteAsync<float>(x, new[] { 1f, 3 });
            await group.WriteAsync(y, ["a", "b"]);
        });
        var encoding = DataSources.Open($"parquet:{file}?test=0").Encoding!;
        await Write([x], async group => await group.WriteAsync<float>(x, new[] { 5f }));
        var inputs = new float[1];
        ParquetSource.Open(DataSpec.Parse($"parquet:{file}"), encoding, withTargets: false).Read(ReadContext.Evaluation, [0], inputs, new long[1]);
        Assert.Equal([3], inputs);
    }

    [Fact]
    public async Task Files_that_cannot_be_used_are_refused_in_one_line()
    {
        DataField<DateTime> when = new("when");
        DataField<int> x = new("x"), y = new("y");
        await Write([when, x, y], async group =>
        {
            await group.WriteAsync<DateTime>(when, new[] { DateTime.UnixEpoch, DateTime.UnixEpoch });
            await group.WriteAsync<int>(x, new[] { 1, 2 });
            await group.WriteAsync<int>(y, new[] { 0, 1 });
        });
        Assert.Contains("column 'when' holds DateTime; expected numbers, truth values or text (leave it out with ignore=when)", Refused($"parquet:{file}"));
        Assert.Equal(1, DataSources.Open($"parquet:{file}?ignore=when&test=0").Train.Inputs.Length);
        Assert.Contains("no column 'z'; there are when, x, y", Refused($"parquet:{file}?ignore=when&target=z"));
        Assert.Contains("no such file", Refused("parquet:nowhere.parquet"));
        var whole = File.ReadAllBytes(file);
        foreach (var length in new[] { 0, 3, 8, whole.Length / 2, whole.Length - 1 })
        {
            var cut = temp.Write("cut.parquet", whole[..length]);
            Assert.StartsWith($"{cut}: not a whole Parquet file", Refused($"parquet:{cut}?ignore=when"));
        }
    }

    private static string Refused(string spec)
    {
        var error = Assert.Throws<UserErrorException>(() => DataSources.Open(spec));
        Assert.DoesNotContain('\n', error.Message);
        return error.Message;
    }

    private async Task Write(Field[] fields, params Func<ParquetRowGroupWriter, Task>[] groups)
    {
        await using var stream = File.Create(file);
        await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(fields), stream);
        foreach (var write in groups)
        {
            using var group = writer.CreateRowGroup();
            await write(group);
            group.CompleteValidate();
        }
    }
}
