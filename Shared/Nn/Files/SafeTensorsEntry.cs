namespace DistTrain.Nn.Files;

/// <summary>One tensor of a safetensors file.</summary>
/// <param name="Name">Its name, such as <c>0.weight</c>.</param>
/// <param name="Type">Its type as the format writes it: F32, F16, BF16, F64, I64, I32, U8 or BOOL.</param>
/// <param name="Shape">Its sizes; empty for a scalar.</param>
/// <param name="Offset">Where its bytes start, counted from the end of the header.</param>
/// <param name="Length">Its bytes.</param>
public sealed record SafeTensorsEntry(string Name, string Type, IReadOnlyList<int> Shape, long Offset, long Length)
{
    /// <summary>The number of elements.</summary>
    public long Numel => Shape.Aggregate(1L, (n, size) => n * size);

    /// <summary>Bytes per element of a type; 0 for an unknown one.</summary>
    public static int SizeOf(string type) => type switch
    {
        "F64" or "I64" or "U64" => 8,
        "F32" or "I32" or "U32" => 4,
        "F16" or "BF16" or "I16" or "U16" => 2,
        "I8" or "U8" or "BOOL" => 1,
        _ => 0,
    };
}
