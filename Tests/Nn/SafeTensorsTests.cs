using System.Buffers.Binary;
using System.Text;
using DistTrain.Nn;
using DistTrain.Nn.Files;
using DistTrain.Tensors;

namespace DistTrain.Tests.Nn;

public sealed class SafeTensorsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("disttrain-safetensors-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_model_comes_back_to_the_bit()
    {
        RandomSource.ManualSeed(5);
        var saved = new Sequential(new Linear(7, 3), new ReLU(), new Linear(3, 2, bias: false));
        SafeTensors.Save(In("model.safetensors"), saved, new Dictionary<string, string> { ["step"] = "12" });
        RandomSource.ManualSeed(6);
        var loaded = new Sequential(new Linear(7, 3), new ReLU(), new Linear(3, 2, bias: false));
        loaded.LoadStateDict(SafeTensors.Load(In("model.safetensors")));
        Assert.Equal(saved.Parameters().Select(p => p.Value.ToArray()), loaded.Parameters().Select(p => p.Value.ToArray()));
        using var file = SafeTensorsFile.Open(In("model.safetensors"));
        Assert.Equal(["0.weight", "0.bias", "2.weight"], file.Entries.Keys);
        Assert.Equal("12", file.Metadata["step"]);
    }

    [Fact]
    public void Half_precision_and_integers_are_read_as_floats()
    {
        var writer = new SafeTensorsWriter();
        writer.Add("half", "F16", [2], new byte[] { 0x00, 0x3C, 0x00, 0xC0 });
        writer.Add("brain", "BF16", [2], new byte[] { 0x80, 0x3F, 0x00, 0xC0 });
        writer.Add("long", "I64", [], BitConverter.GetBytes(-3L));
        writer.Save(In("types.safetensors"));
        using var file = SafeTensorsFile.Open(In("types.safetensors"));
        Assert.Equal([1f, -2f], file.ReadFloats("half"));
        Assert.Equal([1f, -2f], file.ReadFloats("brain"));
        Assert.Equal([-3f], file.ReadFloats("long"));
    }

    [Theory]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", 8, "lies at 0 to 16")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,16]}}", 16, "expected 12")]
    [InlineData("{\"a\":{\"dtype\":\"F31\",\"shape\":[4],\"data_offsets\":[0,16]}}", 16, "unknown type F31")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[-4],\"data_offsets\":[0,16]}}", 16, "size of -4")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,2147483647],\"data_offsets\":[0,16]}}", 16, "damaged")]
    [InlineData("{\"a\":{\"dtype\":\"F32\"}}", 16, "damaged")]
    [InlineData("[1,2]", 16, "damaged")]
    [InlineData("{\"a\":", 16, "damaged")]
    public void A_header_that_does_not_fit_the_data_is_refused_by_name(string header, int dataBytes, string expected)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + text.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, text.Length);
        text.CopyTo(bytes, 8);
        File.WriteAllBytes(In("bad.safetensors"), bytes);
        var error = Assert.Throws<UserErrorException>(() => SafeTensorsFile.Open(In("bad.safetensors")));
        Assert.Contains(expected, error.Message);
        Assert.Contains("bad.safetensors", error.Message);
    }

    [Fact]
    public void A_header_that_claims_more_than_the_file_has_takes_no_memory()
    {
        File.WriteAllBytes(In("huge.safetensors"), [0xFF, 0xFF, 0xFF, 0x05, 0, 0, 0, 0, (byte)'{', (byte)'}']);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<UserErrorException>(() => SafeTensorsFile.Open(In("huge.safetensors")));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Fact]
    public void Loading_lists_every_name_that_does_not_fit()
    {
        var model = new Sequential(new Linear(2, 2));
        var error = Assert.Throws<ArgumentException>(() => model.LoadStateDict(new Dictionary<string, Tensor> { ["0.weight"] = Tensor.Zeros([3, 2]), ["1.bias"] = Tensor.Zeros([2]) }));
        Assert.Contains("0.weight has shape [3, 2], expected [2, 2]", error.Message);
        Assert.Contains("0.bias of shape [2] is missing", error.Message);
        Assert.Contains("1.bias is not a name", error.Message);
    }

    private string In(string name) => Path.Combine(folder, name);
}
