using System.Globalization;
using System.Numerics;

namespace DistTrain.Data;

/// <summary>
/// The strokes of the built-in digits: several ways to write each, as polylines in a box 70 wide and 100 high, y downwards.
/// </summary>
internal static class DigitGlyphs
{
    /// <summary>Segments that a spline between two of its points is cut into.</summary>
    private const int Cuts = 5;

    // One string per way to write a digit. '|' parts strokes; '~' is a smooth (Catmull-Rom) curve through its points, '-' straight lines.
    private static readonly string[][] Written =
    [
        [
            "~35,0 12,15 3,50 12,85 35,100 58,85 67,50 58,15 35,0",
            "~42,0 20,20 12,55 18,90 34,100 52,82 60,45 55,12 42,0",
            "~45,4 22,8 6,35 6,68 24,96 48,96 65,68 64,32 46,6 30,2",
        ],
        [
            "-35,0 35,100",
            "-15,22 38,0 38,100",
            "-15,20 36,0 36,100|-12,100 60,100",
            "-45,0 28,100",
        ],
        [
            "~6,22 20,3 42,0 60,14 60,34 42,58 20,80 4,99|-4,99 66,99",
            "~8,20 28,0 54,6 60,28 44,58 20,86 6,96 4,88 16,82 38,94 66,98",
            "~4,12 30,0 58,8 62,30 40,60 4,96|~4,96 30,90 66,98",
        ],
        [
            "~6,10 28,0 54,6 58,28 44,44 26,48|~26,48 52,54 66,74 54,94 28,100 4,90",
            "-6,2 60,2 30,42|~30,42 58,50 66,72 54,94 28,100 4,90",
            "~8,16 30,0 56,12 50,38 24,46|~24,46 54,56 62,80 36,100 6,90",
        ],
        [
            "-48,0 4,66 68,66|-48,0 48,100",
            "-12,0 8,52 64,52|-52,0 50,100",
            "~14,2 10,30 12,50 34,58 60,50|-58,0 54,100",
        ],
        [
            "-60,2 14,2 10,44|~10,44 34,36 60,48 64,72 50,94 26,100 4,90",
            "~14,4 12,24 10,44 36,40 62,56 60,86 34,100 6,92|-14,4 62,0",
            "~60,4 26,6 12,26 28,44 54,56 62,78 44,98 8,94",
        ],
        [
            "~54,2 24,24 6,60 14,92 38,100 62,84 60,62 40,52 16,62 8,76",
            "~44,0 18,34 8,72 26,98 52,92 58,68 38,54 12,70",
            "~60,8 40,0 16,18 5,55 12,90 36,100 62,86 62,62 38,50 8,68",
        ],
        [
            "-4,2 66,2 26,100",
            "-4,2 66,2 30,100|-16,50 58,50",
            "~6,10 10,2 40,4 66,2|~66,2 44,40 30,100",
            "-6,18 6,2 64,2 34,100",
        ],
        [
            "~35,48 12,34 10,14 34,0 58,12 58,32 35,48 10,64 6,86 34,100 64,86 60,64 35,48",
            "~35,0 14,12 14,36 35,48 56,36 56,12 35,0|~35,48 8,60 6,88 35,100 64,88 62,60 35,48",
            "~60,10 36,0 12,14 20,38 50,56 62,80 36,100 10,82 22,56 52,36 60,10",
        ],
        [
            "~60,26 46,2 20,4 8,28 20,50 46,48 60,26|~60,26 58,60 50,100",
            "~60,20 36,0 10,14 10,40 34,52 58,36 62,14 60,60 40,96 14,96",
            "~58,24 34,2 10,20 18,48 46,46 60,22|-60,22 56,100",
        ],
    ];

    /// <summary>The ways to write each digit.</summary>
    public static readonly Stroke[][][] Ways = [.. Written.Select(ways => ways.Select(Parse).ToArray())];

    /// <summary>The most points that the strokes of one digit have once curves are cut into lines.</summary>
    public static readonly int MostPoints = Ways.Max(ways => ways.Max(strokes => strokes.Sum(stroke => stroke.Flattened)));

    /// <summary>A stroke: the points that it goes through.</summary>
    internal sealed record Stroke(bool Curved, Vector2[] Points)
    {
        /// <summary>Points once it is cut into lines.</summary>
        public int Flattened => Curved ? (Points.Length - 1) * Cuts + 1 : Points.Length;

        /// <summary>Cuts a stroke whose points were moved into lines.</summary>
        /// <param name="points">The points, as many as <see cref="Points"/>.</param>
        /// <param name="flat">Takes <see cref="Flattened"/> points.</param>
        public void Flatten(ReadOnlySpan<Vector2> points, Span<Vector2> flat)
        {
            if (!Curved)
            {
                points.CopyTo(flat);
                return;
            }
            var n = 0;
            for (var i = 0; i + 1 < points.Length; i++)
            {
                Vector2 p1 = points[i], p2 = points[i + 1];
                Vector2 p0 = i > 0 ? points[i - 1] : p1, p3 = i + 2 < points.Length ? points[i + 2] : p2;
                for (var cut = 0; cut < Cuts; cut++)
                {
                    var t = cut / (float)Cuts;
                    flat[n++] = new(Spline(p0.X, p1.X, p2.X, p3.X, t), Spline(p0.Y, p1.Y, p2.Y, p3.Y, t));
                }
            }
            flat[n] = points[^1];
        }
    }

    private static float Spline(float a, float b, float c, float d, float t) =>
        .5f * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t);

    private static Stroke[] Parse(string way) => [.. way.Split('|').Select(stroke =>
        new Stroke(stroke[0] == '~', [.. stroke[1..].Split(' ').Select(point =>
        {
            var comma = point.IndexOf(',');
            return new Vector2(int.Parse(point.AsSpan(0, comma), CultureInfo.InvariantCulture), int.Parse(point.AsSpan(comma + 1), CultureInfo.InvariantCulture));
        })]))];
}
