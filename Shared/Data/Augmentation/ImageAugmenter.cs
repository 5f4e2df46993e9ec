namespace DistTrain.Data;

/// <summary>
/// Changes one image. Only +, -, *, / are used, so that every machine gets the same bits: a rotation's sine and cosine come from the tangent of half its angle.
/// </summary>
internal sealed class ImageAugmenter(ImageAugmentation options, int channels, int height, int width)
{
    private readonly float mostTangent = HalfTangent(options.Degrees);

    /// <summary>Changes an image.</summary>
    /// <param name="random">What it depends on; drawn from in a fixed order.</param>
    /// <param name="source">The image, <c>[channels, height, width]</c>.</param>
    /// <param name="target">Takes the changed image; not the source's memory.</param>
    public void Apply(RandomStream random, ReadOnlySpan<float> source, Span<float> target)
    {
        var shiftY = options.Crop > 0 ? random.Next(2 * options.Crop + 1) - options.Crop : 0;
        var shiftX = options.Crop > 0 ? random.Next(2 * options.Crop + 1) - options.Crop : 0;
        var flip = random.NextFloat() < options.Flip;
        if (options.IsAffine)
        {
            Warp(ref random, source, target, shiftY, shiftX, flip);
        }
        else
        {
            Shift(source, target, shiftY, shiftX, flip);
        }
        if (random.NextFloat() < options.Erase)
            Erase(ref random, target);
    }

    /// <summary>tan(a/2) of an angle in degrees of at most 90, by its series: 1e-3 is close enough for a range to draw from.</summary>
    private static float HalfTangent(double degrees)
    {
        var x = degrees * (3.14159265358979 / 360);
        var square = x * x;
        return (float)(x * (1 + square * (1.0 / 3 + square * (2.0 / 15 + square * (17.0 / 315 + square * (62.0 / 2835))))));
    }

    private void Shift(ReadOnlySpan<float> source, Span<float> target, int shiftY, int shiftX, bool flip)
    {
        for (var row = 0; row < channels * height; row++)
        {
            var to = target.Slice(row * width, width);
            var y = row % height - shiftY;
            if ((uint)y >= (uint)height)
            {
                to.Clear();
                continue;
            }
            var from = source.Slice((row - shiftY) * width, width);
            for (var x = 0; x < width; x++)
            {
                var at = (flip ? width - 1 - x : x) - shiftX;
                to[x] = (uint)at < (uint)width ? from[at] : 0;
            }
        }
    }

    private void Warp(ref RandomStream random, ReadOnlySpan<float> source, Span<float> target, int shiftY, int shiftX, bool flip)
    {
        var tangent = random.Next(-mostTangent, mostTangent);
        float squared = tangent * tangent, cosine = (1 - squared) / (1 + squared), sine = 2 * tangent / (1 + squared);
        var shear = random.Next(-(float)options.Shear, (float)options.Shear);
        var scale = random.Next(1 - (float)options.Scale, 1 + (float)options.Scale);
        // From the target back to the source: the inverse rotation, then the shear, then the scale.
        float xx = (cosine + shear * sine) / scale, xy = (sine - shear * cosine) / scale, yx = -sine / scale, yy = cosine / scale;
        if (flip)
            (xx, yx) = (-xx, -yx);
        float middleX = (width - 1) * .5f, middleY = (height - 1) * .5f;
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                float dx = x - middleX, dy = y - middleY;
                var fromX = xx * dx + xy * dy + middleX - shiftX;
                var fromY = yx * dx + yy * dy + middleY - shiftY;
                Sample(source, target, y * width + x, fromX, fromY);
            }
        }
    }

    /// <summary>Every channel of one pixel, between the four source pixels around a place.</summary>
    private void Sample(ReadOnlySpan<float> source, Span<float> target, int to, float fromX, float fromY)
    {
        var plane = height * width;
        if (!(fromX > -1 && fromX < width && fromY > -1 && fromY < height))
        {
            for (var c = 0; c < channels; c++)
                target[c * plane + to] = 0;
            return;
        }
        int left = (int)(fromX + 1) - 1, top = (int)(fromY + 1) - 1;
        float right = fromX - left, bottom = fromY - top;
        for (var c = 0; c < channels; c++)
        {
            var pixels = source.Slice(c * plane, plane);
            var upper = Pixel(pixels, top, left) * (1 - right) + Pixel(pixels, top, left + 1) * right;
            var lower = Pixel(pixels, top + 1, left) * (1 - right) + Pixel(pixels, top + 1, left + 1) * right;
            target[c * plane + to] = upper * (1 - bottom) + lower * bottom;
        }
    }

    private float Pixel(ReadOnlySpan<float> pixels, int y, int x) => (uint)y < (uint)height && (uint)x < (uint)width ? pixels[y * width + x] : 0;

    /// <summary>Sets a rectangle to 0: its height is drawn first, then its width within what is left of its share of the image.</summary>
    private void Erase(ref RandomStream random, Span<float> target)
    {
        var area = options.EraseShare * height * width;
        var rows = 1 + random.Next(Math.Min(height, Math.Max((int)area, 1)));
        var columns = 1 + random.Next(Math.Clamp((int)(area / rows), 1, width));
        int top = random.Next(height - rows + 1), left = random.Next(width - columns + 1);
        for (var c = 0; c < channels; c++)
        {
            for (var y = top; y < top + rows; y++)
                target.Slice((c * height + y) * width + left, columns).Clear();
        }
    }
}
