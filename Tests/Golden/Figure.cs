using System.Text.Json;
using DistTrain.Tensors;

namespace DistTrain.Tests.Golden;

/// <summary>Tensors written as <c>{"shape": […], "data": […]}</c>, with <c>"int": true</c> for integers, and their comparison.</summary>
internal static class Figure
{
    public static Shape Shape(JsonElement tensor) => new([.. tensor.GetProperty("shape").EnumerateArray().Select(v => v.GetInt32())]);

    public static bool IsInteger(JsonElement tensor) => tensor.TryGetProperty("int", out var flag) && flag.GetBoolean();

    public static double[] Data(JsonElement tensor) => [.. tensor.GetProperty("data").EnumerateArray().Select(v => v.GetDouble())];

    public static Tensor Tensor(JsonElement tensor)
    {
        var data = Data(tensor);
        return IsInteger(tensor)
            ? Tensors.Tensor.From(Array.ConvertAll(data, v => (long)v), Shape(tensor))
            : Tensors.Tensor.From(Array.ConvertAll(data, v => (float)v), Shape(tensor));
    }

    public static IReadOnlyList<Tensor> List(JsonElement tensors) => [.. tensors.EnumerateArray().Select(Tensor)];

    public static IReadOnlyDictionary<string, Tensor> Dictionary(JsonElement tensors) => tensors.EnumerateObject().ToDictionary(p => p.Name, p => Tensor(p.Value));

    /// <summary>|a − b| ≤ absolute + relative·|b| for every element, and equal shapes.</summary>
    public static void Close(JsonElement expected, Tensor actual, string what, double absolute = 1e-5, double relative = 1e-4)
    {
        Assert.True(Shape(expected) == actual.Shape, $"{what}: shape {actual.Shape}, expected {Shape(expected)}");
        var (a, b) = (actual.ToArray(), Data(expected));
        for (int i = 0; i < b.Length; i++) Close(b[i], a[i], $"{what}, element {i}", absolute, relative);
    }

    public static void Close(double expected, double actual, string what, double absolute, double relative) =>
        Assert.True(Math.Abs(actual - expected) <= absolute + relative * Math.Abs(expected), $"{what}: {actual:R}, expected {expected:R}");
}
