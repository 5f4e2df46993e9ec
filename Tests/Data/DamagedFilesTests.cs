using System.IO.Compression;
using DistTrain.Data;
using Parquet;
using Parquet.Schema;

namespace DistTrain.Tests.Data;

/// <summary>Files with bytes changed, cut out or added: every reader takes them or refuses them in one line, and never fails in another way.</summary>
public sealed class DamagedFilesTests : IDisposable
{
    private const int Rounds = 150;
    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Fact]
    public void Idx_files()
    {
        temp.Write("t10k-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        byte[] images = [0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 3, .. new byte[60]];
        Damage("t10k-images-idx3-ubyte", images, $"mnist:{temp.Folder}");
        File.Delete(Path.Combine(temp.Folder, "t10k-images-idx3-ubyte"));
        Damage("t10k-images-idx3-ubyte.gz", File.ReadAllBytes(temp.Write("x.gz", images)), $"mnist:{temp.Folder}");
    }

    [Fact]
    public void Csv_files() =>
        Damage("t.csv", "a,b,\"c \"\"d\"\"\",y\n1,x,2.5,no\n2,\"y,\nz\",,yes\n3,x,1e3,no\n4,w,NA,yes\n5,x,-7,no\n"u8.ToArray(), $"csv:{temp.Folder}/t.csv", $"csv:{temp.Folder}/t.csv?on-bad-row=skip");

    [Fact]
    public void Numpy_files()
    {
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }".PadRight(117) + "\n";
        byte[] npy = [0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. System.Text.Encoding.ASCII.GetBytes(header), .. new byte[32]];
        var targets = temp.Write("y.npy", [0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. System.Text.Encoding.ASCII.GetBytes(header.Replace("<f4", "|u1").Replace("(4, 2)", "(4,)  ")), 0, 1, 2, 3]);
        Damage("x.npy", npy, $"npy:{temp.Folder}/x.npy?targets={targets}");

        var memory = new MemoryStream();
        using (var archive = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in new[] { ("x.npy", npy), ("y.npy", File.ReadAllBytes(targets)) })
            {
                using var stream = archive.CreateEntry(name).Open();
                stream.Write(content);
            }
        }
        Damage("a.npz", memory.ToArray(), $"npz:{temp.Folder}/a.npz");
    }

    [Fact]
    public void Packed_files()
    {
        PackedSource.Write(temp.Folder, new("d", new ArrayDataset("d", [1, 2, 3, 4], SampleSpec.Float32(2), [0, 1], 2, ["a", "b"]), null));
        var path = Path.Combine(temp.Folder, "train.pack");
        Damage("train.pack", File.ReadAllBytes(path), $"packed:{temp.Folder}");
    }

    [Fact]
    public async Task Parquet_files()
    {
        var path = Path.Combine(temp.Folder, "t.parquet");
        DataField<float?> x = new("x");
        DataField<string> y = new("y");
        await using (var stream = File.Create(path))
        {
            await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(x, y), stream);
            using var group = writer.CreateRowGroup();
            await group.WriteAsync<float>(x, new float?[] { 1, null, 3, 4 });
            await group.WriteAsync(y, ["a", "b", "a", "b"]);
            group.CompleteValidate();
        }
        Damage("t.parquet", File.ReadAllBytes(path), $"parquet:{temp.Folder}/t.parquet");
    }

    [Fact]
    public void Texts_and_vocabularies()
    {
        Damage("t.txt", System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("Größe 😀 and more\n", 20))), $"text:{temp.Folder}/t.txt?window=4", $"text:{temp.Folder}/t.txt?window=4&bpe=260");
        var text = temp.Write("whole.txt", string.Concat(Enumerable.Repeat("low lower lowest ", 20)));
        BytePairVocabulary.Of("low low lower lower lowest lowest", 262).Save(temp.Folder);
        Damage("merges.txt", File.ReadAllBytes(Path.Combine(temp.Folder, "merges.txt")), $"text:{text}?window=4&vocab={temp.Folder}/vocab.json&merges={temp.Folder}/merges.txt");
    }

    [Fact]
    public void Pictures()
    {
        byte[] png = ImageFolderTests.Png(6, 5, (x, y, c) => (byte)(x + y + c));
        temp.Write("b/1.png", png);
        Damage("a/1.png", png, $"images:{temp.Folder}?test=0", $"images:{temp.Folder}?test=0&size=4&on-bad-row=skip");
    }

    private void Damage(string name, byte[] whole, params string[] specs)
    {
        var path = Path.Combine(temp.Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var random = new Random(5);
        var refused = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var bytes = whole.ToList();
            for (var change = random.Next(1, 4); change > 0 && bytes.Count > 1; change--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(5))
                {
                    case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                    case 1: bytes[at] = (byte)random.Next(256); break;
                    case 2: bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)); break;
                    case 3: bytes.InsertRange(at, new byte[random.Next(1, 5)]); break;
                    default: bytes[at] = 0xFF; break;
                }
            }
            File.WriteAllBytes(path, [.. bytes]);
            foreach (var spec in specs)
                refused += Open(spec) ? 0 : 1;
        }
        Assert.True(refused > 0, $"no damage to {name} was noticed");
    }

    /// <summary>Opens and reads everything; false where it was refused as it should be.</summary>
    private static bool Open(string spec)
    {
        try
        {
            var split = DataSources.Open(spec);
            foreach (var dataset in ((IDataset?[])[split.Train, split.Test]).OfType<IDataset>())
            {
                SampleBuffer inputs = new(dataset.Inputs, 1), targets = new(dataset.Targets, 1);
                for (var i = 0; i < dataset.Count; i++)
                    dataset.Read(ReadContext.Evaluation, [i], inputs.Span(1), targets.Span(1));
                (dataset as IDisposable)?.Dispose();
            }
            return true;
        }
        catch (UserErrorException error)
        {
            Assert.DoesNotContain('\n', error.Message);
            Assert.InRange(error.Message.Length, 10, 2000);
            return false;
        }
    }
}
