using StbImageSharp;

namespace DistTrain.Data;

/// <summary>Reads picture files (PNG, JPEG, BMP, GIF, TGA) as bytes, channel by channel.</summary>
internal static class ImageFile
{
    /// <summary>The largest picture that is decoded.</summary>
    public const int MostPixels = 1 << 26;

    private static readonly string[] Endings = [".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tga"];

    /// <summary>Whether a file's name is that of a picture.</summary>
    public static bool IsPicture(string path) =>
        Endings.Contains(Path.GetExtension(path).ToLowerInvariant()) && !Path.GetFileName(path).StartsWith('.');

    /// <summary>The size of a picture, from its header.</summary>
    /// <exception cref="UserErrorException">It is no picture, or too large.</exception>
    public static (int Height, int Width) Size(string path)
    {
        ImageInfo? info;
        try
        {
            using var stream = File.OpenRead(path);
            info = ImageInfo.FromStream(stream);
        }
        catch (Exception error) when (error is not UnauthorizedAccessException)
        {
            throw Corrupt(path, error);
        }
        if (info is not { Width: > 0, Height: > 0 } size)
            throw Corrupt(path, null);
        return (long)size.Width * size.Height <= MostPixels ? (size.Height, size.Width)
            : throw new UserErrorException($"{path}: {size.Height} x {size.Width} pixels; expected at most {MostPixels} in all");
    }

    /// <summary>Reads a picture.</summary>
    /// <param name="path">The file.</param>
    /// <param name="channels">1 for grey, 3 for red, green and blue.</param>
    /// <param name="height">Rows to scale it to, where it has others.</param>
    /// <param name="width">Columns to scale it to.</param>
    /// <param name="pixels">Takes <c>[channels, height, width]</c> bytes.</param>
    /// <exception cref="UserErrorException">It is no picture, is corrupt or too large.</exception>
    public static void Read(string path, int channels, int height, int width, Span<byte> pixels)
    {
        Size(path);
        ImageResult image;
        try
        {
            image = ImageResult.FromMemory(File.ReadAllBytes(path), channels == 1 ? ColorComponents.Grey : ColorComponents.RedGreenBlue);
        }
        catch (Exception error) when (error is not (UnauthorizedAccessException or OutOfMemoryException))
        {
            throw Corrupt(path, error);
        }
        var data = image.Height == height && image.Width == width
            ? image.Data
            : ImageScaler.Scale(image.Data, image.Height, image.Width, channels, height, width);
        for (var c = 0; c < channels; c++)
        {
            for (var i = 0; i < height * width; i++)
                pixels[c * height * width + i] = data[i * channels + c];
        }
    }

    private static UserErrorException Corrupt(string path, Exception? error) =>
        new($"{path}: not a whole picture of a kind that is read ({string.Join(", ", Endings)}){(error is null ? "" : ": " + error.Message.ReplaceLineEndings(" "))}", error!);
}
