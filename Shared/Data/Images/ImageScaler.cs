namespace DistTrain.Data;

/// <summary>
/// Scales images of bytes by bilinear interpolation whose reach grows when shrinking, so that every source pixel counts (what Pillow calls BILINEAR). Plain
/// double arithmetic: the same bytes on every machine.
/// </summary>
internal static class ImageScaler
{
    /// <summary>Scales one image.</summary>
    /// <param name="source">The pixels, row by row, channels together: <c>[height, width, channels]</c>.</param>
    /// <param name="height">Source rows.</param>
    /// <param name="width">Source columns.</param>
    /// <param name="channels">Bytes of a pixel.</param>
    /// <param name="toHeight">Target rows.</param>
    /// <param name="toWidth">Target columns.</param>
    /// <returns>The pixels, laid out as the source's.</returns>
    public static byte[] Scale(ReadOnlySpan<byte> source, int height, int width, int channels, int toHeight, int toWidth)
    {
        var across = new double[height * toWidth * channels];
        for (var x = 0; x < toWidth; x++)
        {
            var (first, weights) = Weights(x, width, toWidth);
            for (var y = 0; y < height; y++)
            {
                for (var c = 0; c < channels; c++)
                {
                    double sum = 0;
                    for (var i = 0; i < weights.Length; i++)
                        sum += weights[i] * source[(y * width + first + i) * channels + c];
                    across[(y * toWidth + x) * channels + c] = sum;
                }
            }
        }
        var result = new byte[toHeight * toWidth * channels];
        var row = toWidth * channels;
        for (var y = 0; y < toHeight; y++)
        {
            var (first, weights) = Weights(y, height, toHeight);
            for (var x = 0; x < row; x++)
            {
                double sum = 0;
                for (var i = 0; i < weights.Length; i++)
                    sum += weights[i] * across[(first + i) * row + x];
                result[y * row + x] = (byte)Math.Clamp(sum + .5, 0, 255);
            }
        }
        return result;
    }

    /// <summary>The source pixels that make a target pixel, and how much each counts.</summary>
    private static (int First, double[] Weights) Weights(int target, int size, int toSize)
    {
        var ratio = (double)size / toSize;
        var reach = Math.Max(ratio, 1);
        var centre = (target + .5) * ratio;
        var first = Math.Max((int)(centre - reach + .5), 0);
        var last = Math.Min((int)(centre + reach + .5), size);
        var weights = new double[last - first];
        double sum = 0;
        for (var i = 0; i < weights.Length; i++)
            sum += weights[i] = Math.Max(1 - Math.Abs((first + i + .5 - centre) / reach), 0);
        for (var i = 0; i < weights.Length; i++)
            weights[i] /= sum;
        return (first, weights);
    }
}
