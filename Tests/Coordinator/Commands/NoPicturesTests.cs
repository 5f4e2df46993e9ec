using DistTrain.Tests.Data;

namespace DistTrain.Tests.Coordinator.Commands;

public sealed class NoPicturesTests
{
    [SkippableFact]
    public async Task Where_the_drawing_library_lacks_its_native_part_a_run_and_a_search_are_done_without_pictures_and_say_so()
    {
        using var folder = new TempFolder();
        string hidden = string.Concat(Directory.GetFiles(AppContext.BaseDirectory, "libSkiaSharp.so", SearchOption.AllDirectories).Select(file => $"mount --bind /dev/null '{file}' && "));
        const string Data = "--data digits:60,20";
        var (exitCode, output, errors) = await OwnMounts.RunAsync(folder.Folder, $"{hidden}{OwnMounts.Coordinator($"local {Data} --epochs 2 --run-dir run")} && {OwnMounts.Coordinator($"find-lr {Data} --steps 20 --run-dir rates")}");
        Assert.True(exitCode == 0, output + string.Join('\n', errors));
        Assert.Equal(["run", "rates"], errors.Select(line => line.Split(' ')[1].TrimEnd(':')));
        Assert.All(errors, line => Assert.EndsWith("no picture was drawn: this machine lacks SkiaSharp's native library or something that it needs; the figures are in the folder's .csv file", line, StringComparison.Ordinal));
        Assert.Contains("weights: run/weights.safetensors", output, StringComparison.Ordinal);
        Assert.Contains("suggested: --lr", output, StringComparison.Ordinal);
        Assert.Equal(["learning-rate.csv"], Directory.GetFiles(Path.Combine(folder.Folder, "rates")).Select(Path.GetFileName));
    }
}
