using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Torch;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Trainer.Doctor;

/// <summary>The checks of <c>cliptrain doctor</c>: each component is used once, not merely looked for.</summary>
public static class Checkup
{
    private const string Setup = "run scripts/setup";

    public static IEnumerable<Finding> All()
    {
        yield return new Finding("ClipTrain", ProgramVersion.Text, null);
        yield return new Finding(".NET", $"{RuntimeInformation.FrameworkDescription}, {RuntimeEnvironment.GetRuntimeDirectory()}", null);
        yield return new Finding("machine", $"{RuntimeInformation.OSDescription}, {Environment.ProcessorCount} cores, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GiB, {Vectors()}", null);
        yield return Try("libtorch", () => $"{torch.version}, {LoadedPath("libtorch_cpu")}, binding {LoadedPath("libcliptrain_torch")}", Setup);
        yield return Try("devices", Devices, Setup);
        yield return Try("threads", () => $"{torch.get_num_threads()} compute threads by default; {Environment.ProcessorCount} cores to share out", Setup);
        yield return Blas();
        yield return Try("process groups", ProcessGroups, "install libgloo-dev, then run scripts/setup");
        yield return Try("DuckDB", () => $"{SqlLibrary.DuckDbVersion()}, {LoadedPath("libduckdb")}", Setup);
        yield return Try("JPEG", () => ImageLibraries.HasTurboJpeg ? LoadedPath("libturbojpeg") : "SkiaSharp, at half the speed of libjpeg-turbo: install libturbojpeg0, or run scripts/setup", Setup);
        yield return Try("libvips", () => $"{ImageLibraries.VipsVersion()}, {LoadedPath("libvips")}", Setup);
        yield return Try("tokenizer", () => $"OpenAI's merges, {BpeTokenizer.OpenAi(77).VocabularySize} tokens", "rebuild ClipTrain");
    }

    private static Finding Try(string component, Func<string> check, string fix)
    {
        try
        {
            return new Finding(component, check(), null);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return new Finding(component, error.Message.Split('\n')[0], fix);
        }
    }

    private static string Devices() => torch.cuda.is_available() ? $"cpu, {torch.cuda.device_count()} CUDA device(s)" : "cpu (this libtorch has no CUDA, or there is no GPU)";

    private static string ProcessGroups()
    {
        using var store = new torch.distributed.TCPStore("127.0.0.1", 0, isServer: true, TimeSpan.FromSeconds(5));
        using var group = torch.distributed.ProcessGroup.Gloo(store, 0, 1, "127.0.0.1", TimeSpan.FromSeconds(5));
        return "Gloo";
    }

    /// <summary>The reference BLAS works but is tens of times slower, which nobody should find out by waiting.</summary>
    private static Finding Blas()
    {
        var path = LoadedPath("libblas");
        return path.Contains("openblas", StringComparison.Ordinal) || path == NotLoaded
            ? new Finding("BLAS", path == NotLoaded ? "inside libtorch" : path, null)
            : new Finding("BLAS", $"{path} is the reference BLAS: about fifty times slower", "install libopenblas0-openmp");
    }

    private const string NotLoaded = "not loaded";

    /// <summary>Where a library that this process has loaded lies, links resolved.</summary>
    private static string LoadedPath(string name) => File.ReadLines("/proc/self/maps")
        .Select(line => line[(line.LastIndexOf(' ') + 1)..])
        .FirstOrDefault(path => Path.GetFileName(path).StartsWith(name, StringComparison.Ordinal)) ?? NotLoaded;

    private static string Vectors() => Avx512F.IsSupported ? "AVX-512" : Avx2.IsSupported ? "AVX2" : "no AVX2";
}
