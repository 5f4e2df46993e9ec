using DistTrain.Coordinator.Commands;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Nn.Files;
using DistTrain.Tests.Data;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Wrong input on purpose, of each kind that jobs, data and trained models take: each is one line that names the thing, what it was and what is allowed. That a command then exits with 2 is tested elsewhere.</summary>
public sealed class WrongInputTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("csv:", "names no file or folder", "csv:<file>")]
    [InlineData("cvs:x", "Unknown data 'cvs:x'", "did you mean csv?")]
    [InlineData("csv:{0}/none.csv", "none.csv", "no such file")]
    [InlineData("csv:{0}/kinds.csv?target=nope", "no column 'nope'", "a, b, kind")]
    [InlineData("csv:{0}/kinds.csv?task=guess", "task was 'guess'", "classification")]
    [InlineData("csv:{0}/kinds.csv?test=2", "test was '2'", "from 0 to 0.9")]
    [InlineData("csv:{0}/kinds.csv?tarjet=kind", "unknown option 'tarjet'", "target")]
    [InlineData("csv:{0}/kinds.csv?ignore=a,b", "no column is left for inputs", "at least one")]
    [InlineData("csv:{0}/kinds.csv?task=regression", "holds categories such as 'x'", "numbers")]
    [InlineData("csv:{0}/kinds.csv?task=binary", "3 different values", "expected 2")]
    [InlineData("csv:{0}/kinds.csv?delimiter=pipe", "delimiter was 'pipe'", "bar")]
    [InlineData("csv:{0}/kinds.csv?on-bad-row=ignore", "on-bad-row was 'ignore'", "fail or skip")]
    [InlineData("csv:{0}/kinds.csv?split=head", "split was 'head'", "shuffled or tail")]
    [InlineData("csv:{0}/kinds.csv?standardize=1", "standardize was '1'", "yes or no")]
    [InlineData("csv:{0}/kinds.csv?target", "'target' is no option", "name=value")]
    [InlineData("csv:{0}/kinds.csv?test=0&test=0", "option 'test' is given twice", "test")]
    [InlineData("csv:{0}/empty.csv", "empty.csv", "")]
    [InlineData("csv:{0}/header.csv", "header.csv", "")]
    [InlineData("csv:{0}/short.csv", "short.csv, line 3", "expected 3")]
    [InlineData("csv:{0}/quote.csv", "quote.csv, line 2", "quote")]
    [InlineData("csv:{0}/twice.csv", "twice.csv", "'a'")]
    [InlineData("csv:{0}/word.csv?numeric=b", "word.csv, line 3, column 'b'", "'oops'")]
    [InlineData("parquet:{0}/noise.bin", "noise.bin", "Parquet")]
    [InlineData("npy:{0}/noise.bin", "names no targets", "targets=")]
    [InlineData("npy:{0}/noise.bin?targets={0}/noise.bin", "noise.bin", "")]
    [InlineData("npz:{0}/noise.bin", "noise.bin", "")]
    [InlineData("images:{0}/none", "no such folder", "images:")]
    [InlineData("images:{0}/one", "1 folder", "2 to 256")]
    [InlineData("images:{0}/nopics", "no pictures", "1.png")]
    [InlineData("images:{0}/images", "1.png", "")]
    [InlineData("images:{0}/images?size=0", "size was '0'", "64x48")]
    [InlineData("images:{0}/images?channels=2", "channels was '2'", "1 or 3")]
    [InlineData("cifar10:{0}/cifar", "no test_batch.bin there", "data_batch_5.bin")]
    [InlineData("cifar10:{0}/none", "none", "")]
    [InlineData("mnist:{0}/none", "none", "")]
    [InlineData("packed:{0}/none", "none", "")]
    [InlineData("text:{0}/latin.txt", "latin.txt", "not UTF-8")]
    [InlineData("text:{0}/tiny.txt", "tiny.txt", "64")]
    [InlineData("text:{0}/none.txt", "none.txt", "no such file")]
    [InlineData("text:{0}/text.txt?window=0", "window was '0'", "from 1 to 65536")]
    [InlineData("text:{0}/text.txt?bpe=10", "bpe was '10'", "from")]
    [InlineData("text:{0}/text.txt?vocab={0}/text.txt", "merges", "vocab")]
    [InlineData("digits:a", "digits:a", "whole")]
    [InlineData("digits:0,0", "digits:0,0", "1")]
    [InlineData("digits?augment=spin:3", "spin", "crop")]
    [InlineData("digits?augment=crop:-1", "crop", "-1")]
    public void Data(string spec, string given, string allowed)
    {
        folder.Write("kinds.csv", "a,b,kind\n1,2,x\n2,3,y\n3,4,z\n4,5,x\n");
        folder.Write("empty.csv", "");
        folder.Write("header.csv", "a,y\n");
        folder.Write("short.csv", "a,b,y\n1,2,x\n3,4\n");
        folder.Write("quote.csv", "a,b,y\n1,\"2,x\n");
        folder.Write("twice.csv", "a,a,y\n1,2,x\n2,3,z\n");
        folder.Write("word.csv", "a,b,y\n1,2,x\n3,oops,z\n");
        byte[] noise = new byte[300];
        new Random(1).NextBytes(noise);
        folder.Write("noise.bin", noise);
        folder.Write("one/a/1.png", "x");
        folder.Write("nopics/a/notes.txt", "x");
        folder.Write("nopics/b/notes.txt", "x");
        folder.Write("images/a/1.png", "no picture");
        folder.Write("images/b/2.png", "no picture");
        folder.Write("cifar/data_batch_1.bin", noise);
        folder.Write("latin.txt", [0xff, 0xfe, 0x61]);
        folder.Write("tiny.txt", "ab");
        folder.Write("text.txt", string.Concat(Enumerable.Repeat("some text ", 100)));
        Line(() => DataSources.Open(string.Format(System.Globalization.CultureInfo.InvariantCulture, spec, folder.Folder)), given, allowed);
    }

    [Theory]
    [InlineData("--checkpoint is missing", "a run's folder")]
    [InlineData("none.safetensors", "no such file", "none.safetensors")]
    [InlineData("text.txt", "not a valid safetensors file", "text.txt")]
    [InlineData("cut.safetensors", "cut.safetensors", "cut.safetensors")]
    [InlineData("", "holds neither weights.safetensors nor a checkpoint", "")]
    [InlineData("other.safetensors", "does not say which model it holds; name it with --model and --data, or with --job", "other.safetensors")]
    [InlineData("--model does not go with --job", "which says what the model is", "other.safetensors", "mlp", null, "job.json")]
    [InlineData("--model needs --data", "together", "other.safetensors", "mlp")]
    [InlineData("does not fit the model", "0.weight", "other.safetensors", "mlp", "digits:20,5")]
    [InlineData("none.json", "no such file", "other.safetensors", null, null, "none.json")]
    [InlineData("bad.json:1:3: epochs was 0", "from 1 to 1000000", "other.safetensors", null, null, "bad.json")]
    [InlineData("none.dll", "no such file", "other.safetensors", null, null, "none.dll:Job")]
    [InlineData("text.dll is no .NET assembly", "text.dll", "other.safetensors", null, null, "text.dll")]
    public void A_trained_model(string given, string allowed, string? checkpoint = null, string? model = null, string? data = null, string? job = null)
    {
        folder.Write("text.txt", "no model");
        folder.Write("text.dll", "no code");
        folder.Write("bad.json", "{ \"epochs\": 0 }");
        folder.Write("job.json", "{ \"data\": \"digits:20,5\" }");
        string weights = Path.Combine(folder.Folder, "other.safetensors");
        SafeTensors.Save(weights, new Sequential(new Linear(3, 2)));
        folder.Write("cut.safetensors", File.ReadAllBytes(weights)[..40]);
        string? In(string? name) => name is null ? null : Path.Combine(folder.Folder, name);
        var asked = new ModelOptionsGiven { Checkpoint = In(checkpoint), Model = model, Data = data, Job = In(job) };
        Line(() => asked.Open(Assert.Fail), given, allowed);
    }

    private static void Line(Action act, string given, string allowed)
    {
        var error = Assert.ThrowsAny<UserErrorException>(act);
        Assert.DoesNotContain('\n', error.Message.Trim());
        Assert.Contains(given, error.Message, StringComparison.Ordinal);
        Assert.Contains(allowed, error.Message, StringComparison.Ordinal);
    }
}
