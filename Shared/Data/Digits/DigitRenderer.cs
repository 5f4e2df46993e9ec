using System.Numerics;

namespace DistTrain.Data;

/// <summary>
/// Draws one built-in digit, 28x28, as a pure function of (seed, split, index). Only +, -, *, / and square roots are used, so that every machine draws the same
/// bits: a rotation's sine and cosine come from the tangent of half its angle.
/// </summary>
internal static class DigitRenderer
{
    /// <summary>Pixels in a row, and rows.</summary>
    public const int Size = 28;

    /// <summary>Draws a digit.</summary>
    /// <param name="seed">The data's seed.</param>
    /// <param name="split">0 for training digits, 1 for test digits.</param>
    /// <param name="index">The digit's index in its split.</param>
    /// <param name="pixels">Takes 784 grey levels, row by row, 255 for ink.</param>
    /// <returns>The digit that was drawn, 0 to 9.</returns>
    public static byte Draw(ulong seed, int split, int index, Span<byte> pixels)
    {
        var random = new RandomStream(seed, RandomUse.Digit, (ulong)index, (ulong)split);
        var digit = random.Next(10);
        var ways = DigitGlyphs.Ways[digit];
        var strokes = ways[random.Next(ways.Length)];

        // A random affine map takes the glyph's box to the image.
        var tangent = Bell(ref random) * .16f;
        float cosine = (1 - tangent * tangent) / (1 + tangent * tangent), sine = 2 * tangent / (1 + tangent * tangent);
        var shear = Bell(ref random) * .30f;
        var height = random.Next(.150f, .215f);
        var width = height * random.Next(.75f, 1.15f);
        float xx = cosine * width, xy = (cosine * shear - sine) * height, yx = sine * width, yy = (sine * shear + cosine) * height;
        float shiftX = 14 + Bell(ref random) * 2.6f, shiftY = 14 + Bell(ref random) * 2.6f;
        var wobble = random.Next(1.5f, 7f);
        var radius = random.Next(.55f, 1.5f);

        Span<float> distances = stackalloc float[Size * Size];
        distances.Fill(float.MaxValue);
        Span<Vector2> moved = stackalloc Vector2[32];
        Span<Vector2> flat = stackalloc Vector2[DigitGlyphs.MostPoints];
        foreach (var stroke in strokes)
        {
            for (var i = 0; i < stroke.Points.Length; i++)
            {
                var x = stroke.Points[i].X - 35 + Bell(ref random) * wobble;
                var y = stroke.Points[i].Y - 50 + Bell(ref random) * wobble;
                moved[i] = new(xx * x + xy * y + shiftX, yx * x + yy * y + shiftY);
            }
            stroke.Flatten(moved[..stroke.Points.Length], flat);
            AddLines(flat[..stroke.Flattened], radius + 1, distances);
        }

        Ink(distances, radius, random.Next(.65f, 1f), random.Next(.02f, .16f), new(seed, RandomUse.DigitNoise, (ulong)index, (ulong)split), pixels);
        return (byte)digit;
    }

    /// <summary>A bell-shaped number in (-1, 1): the mean of three even ones.</summary>
    private static float Bell(ref RandomStream random) => (random.NextFloat() + random.NextFloat() + random.NextFloat()) * (2f / 3) - 1;

    /// <summary>Lowers each pixel's squared distance to the lines, for pixels within reach of them.</summary>
    private static void AddLines(ReadOnlySpan<Vector2> points, float reach, Span<float> distances)
    {
        for (var i = 0; i + 1 < points.Length; i++)
        {
            Vector2 a = points[i], b = points[i + 1];
            float dx = b.X - a.X, dy = b.Y - a.Y, squared = dx * dx + dy * dy;
            var inverse = squared > 0 ? 1 / squared : 0;
            int left = Pixel(Math.Min(a.X, b.X) - reach), right = Pixel(Math.Max(a.X, b.X) + reach);
            int top = Pixel(Math.Min(a.Y, b.Y) - reach), bottom = Pixel(Math.Max(a.Y, b.Y) + reach);
            for (var y = top; y <= bottom; y++)
            {
                for (var x = left; x <= right; x++)
                {
                    float px = x + .5f - a.X, py = y + .5f - a.Y;
                    var along = Math.Clamp((px * dx + py * dy) * inverse, 0, 1);
                    float ex = px - along * dx, ey = py - along * dy;
                    ref var distance = ref distances[y * Size + x];
                    distance = Math.Min(distance, ex * ex + ey * ey);
                }
            }
        }
    }

    private static int Pixel(float position) => Math.Clamp((int)position, 0, Size - 1);

    /// <summary>Turns distances into ink with soft edges, and adds noise.</summary>
    private static void Ink(ReadOnlySpan<float> distances, float radius, float strength, float noise, RandomStream random, Span<byte> pixels)
    {
        for (var i = 0; i < distances.Length; i++)
        {
            var ink = distances[i] < 64 ? Math.Clamp(radius + .5f - MathF.Sqrt(distances[i]), 0, 1) * strength : 0;
            // The sum of four random bytes is bell-shaped around 510.
            var bits = random.NextUInt32();
            var sum = (bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24);
            var value = ink + ((int)sum - 510) * (1f / 148) * noise;
            pixels[i] = (byte)(int)(Math.Clamp(value, 0, 1) * 255 + .5f);
        }
    }
}
