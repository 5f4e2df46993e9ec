namespace DistTrain.Autograd;

/// <summary>A pair of sizes for the two dimensions of an image: made from one number for both, or from (height, width).</summary>
/// <param name="Height">For rows.</param>
/// <param name="Width">For columns.</param>
public readonly record struct Size2d(int Height, int Width)
{
    /// <summary>The same for both.</summary>
    public static implicit operator Size2d(int both) => new(both, both);

    /// <summary>From (height, width).</summary>
    public static implicit operator Size2d((int Height, int Width) sizes) => new(sizes.Height, sizes.Width);

    /// <summary>As PyTorch writes it: <c>2</c> or <c>(2, 3)</c>.</summary>
    public override string ToString() => Height == Width ? $"{Height}" : $"({Height}, {Width})";
}
