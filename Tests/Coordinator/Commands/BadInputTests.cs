using DistTrain.Tests.Data;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Wrong input on purpose: one line that says what was given and what is allowed, exit code 2, nothing on stdout.</summary>
public class BadInputTests
{
    [Theory]
    [InlineData("", "no command was given", "local")]
    [InlineData("lcoal", "'lcoal' is no command", "did you mean local?")]
    [InlineData("local --wrokers 3", "'--wrokers' is no option of local", "did you mean --workers?")]
    [InlineData("local extra", "'extra' was not expected", "--help")]
    [InlineData("local --lr", "--lr needs a value", "--lr <x>")]
    [InlineData("local --lr --epochs 3", "--lr needs a value", "--lr <x>")]
    [InlineData("local --threads-per-worker 0", "--threads-per-worker was '0'", "from 1 to")]
    [InlineData("serve --threads-per-worker 2", "'--threads-per-worker' is no option of serve", "--help")]
    [InlineData("local --lr 1 --lr 2", "--lr was given 2 times", "once")]
    [InlineData("local --model mpl", "--model was 'mpl'", "did you mean mlp?")]
    [InlineData("local --optimizer addam", "--optimizer was 'addam'", "did you mean adam?")]
    [InlineData("local --optimizer adam --momentum 0.5", "momentum was 0.5", "sgd and rmsprop")]
    [InlineData("local --numerics avx1024", "--numerics was 'avx1024'", "auto, avx512, avx2, portable")]
    [InlineData("local --output xml", "--output was 'xml'", "text, json")]
    [InlineData("local --data mnsit:x", "'mnsit:x'", "did you mean mnist?")]
    [InlineData("local --data mnist:no-such-folder", "no-such-folder", "no such folder")]
    [InlineData("local --data digits:0", "digits:0", "a whole number from 1")]
    [InlineData("local --workers 5 --shards 4", "--workers was 5", "at most the 4 of --shards")]
    [InlineData("local --shards 4 --batch-size 3", "batch size 3", "4 shards")]
    [InlineData("local --workers 0", "--workers was '0'", "from 1 to")]
    [InlineData("local --epochs 1.5", "--epochs was '1.5'", "a whole number")]
    [InlineData("local --max-steps 0", "--max-steps was '0'", "1 or more")]
    [InlineData("local --batch-size -1", "--batch-size was '-1'", "from 1 to")]
    [InlineData("local --lr nan", "--lr was 'nan'", "a number 0 or more")]
    [InlineData("local --lr -0.1", "--lr was '-0.1'", "a number 0 or more")]
    [InlineData("local --momentum 1", "--momentum was '1'", "below 1")]
    [InlineData("local --dropout 1", "--dropout was '1'", "below 1")]
    [InlineData("local --clip-norm 0", "--clip-norm was '0'", "above 0")]
    [InlineData("local --seed 18446744073709551616", "--seed was '18446744073709551616'", "18446744073709551615")]
    [InlineData("local --drop-last perhaps", "--drop-last was 'perhaps'", "true or false")]
    [InlineData("local --drop-last --data digits:10", "batch size 64", "10 training samples")]
    [InlineData("local --codec int4", "--codec: codec 'int4'", "topk:<share>")]
    [InlineData("local --codec topk:2", "--codec: codec 'topk:2'", "above 0 and at most 1")]
    [InlineData("local --codec powersgd:0", "--codec: codec 'powersgd:0'", "from 1 to 32")]
    [InlineData("local --weights-codec int8", "--weights-codec: weights codec 'int8'", "bf16 or fp16")]
    [InlineData("local --codec topk:0.1 --speculate", "codec was topk:0.1", "speculate")]
    [InlineData("serve --channel pigeon", "--channel was 'pigeon'", "auto, shm, tcp, akka")]
    [InlineData("local --consistency ssp:-1", "'ssp:-1' is not known", "ssp:<0 to 1000>")]
    [InlineData("local --servers 1000", "servers: 1000 is not allowed", "blocks")]
    [InlineData("local --outer-lr 0.5", "an outer optimizer (outer-lr 0.5, outer-momentum 0.3) does not go with consistency bsp", "local:<H>")]
    [InlineData("local --job .", "--job . is a folder", "expected a file")]
    [InlineData("simulate --faults fire", "'fire' is not known", "delay, reorder")]
    [InlineData("simulate --consistency local:4", "local:4 cannot be simulated", "bsp, ssp:<s> or async")]
    [InlineData("local --data digits:10 --run-dir /proc/nowhere", "--run-dir was '/proc/nowhere'", "can be written to")]
    public async Task One_line_says_what_was_given_and_what_is_allowed(string arguments, string given, string allowed) =>
        AssertRefused(await CommandProcess.RunAsync(arguments), given, allowed);

    [Fact]
    public async Task A_wrong_variable_is_named()
    {
        var result = await CommandProcess.RunAsync("local", ("DISTTRAIN_BATCH_SIZE", "many"));
        AssertRefused(result, "DISTTRAIN_BATCH_SIZE was 'many'", "a whole number from 1");
    }

    [Theory]
    [InlineData("""{ "DistTrain": { "BatchSize": 0 } }""", "appsettings.json: BatchSize was '0'", "from 1 to")]
    [InlineData("""{ "DistTrain": { "batch-sise": 8 } }""", "no setting 'batch-sise'", "did you mean batch-size?")]
    [InlineData("""{ "DistTrain": { "seed": [1] } }""", "seed is array", "a number, a text, true or false")]
    [InlineData("""{ "DistTrain": """, "appsettings.json", "cannot be read")]
    public async Task A_wrong_setting_in_the_file_is_named(string json, string given, string allowed)
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", json);
        AssertRefused(await CommandProcess.RunInAsync(folder.Folder, "local"), given, allowed);
    }

    [Fact]
    public async Task A_damaged_data_file_is_named()
    {
        using var folder = new TempFolder();
        folder.Write("data/t10k-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 2, 1, 2]);
        byte[] header = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28];
        folder.Write("data/t10k-images-idx3-ubyte", [.. header, .. new byte[1567]]);
        AssertRefused(await CommandProcess.RunInAsync(folder.Folder, "local --data mnist:data"), "t10k-images-idx3-ubyte", "1568");
        folder.Write("data/t10k-images-idx3-ubyte", [1, 2, 3, 4, 5, 6, 7, 8]);
        AssertRefused(await CommandProcess.RunInAsync(folder.Folder, "local --data mnist:data"), "t10k-images-idx3-ubyte", "expected");
    }

    private static void AssertRefused(CommandResult result, string given, string allowed)
    {
        Assert.Equal(2, result.ExitCode);
        Assert.Empty(result.Output);
        var line = Assert.Single(result.ErrorLines);
        Assert.Contains(given, line, StringComparison.Ordinal);
        Assert.Contains(allowed, line, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", line, StringComparison.Ordinal);
    }
}
