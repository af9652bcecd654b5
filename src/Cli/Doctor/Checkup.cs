using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using ClipTrain.Cli.Runs;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Loading;
using TorchSharp;

namespace ClipTrain.Cli.Doctor;

/// <summary>The checks of <c>cliptrain doctor</c>: each component is used once, not merely looked for.</summary>
public static class Checkup
{
    private const string Setup = "run scripts/setup";

    public static IEnumerable<Finding> All()
    {
        yield return new Finding("ClipTrain", ProgramVersion.Text, null);
        yield return new Finding(".NET", $"{RuntimeInformation.FrameworkDescription}, {RuntimeEnvironment.GetRuntimeDirectory()}", null);
        yield return new Finding(
            "machine",
            $"{RuntimeInformation.OSDescription}, {Environment.ProcessorCount} cores, "
                + $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GiB, {Vectors()}",
            null
        );
        yield return Try("libtorch", Libtorch, "build ClipTrain again, or set LIBTORCH to a folder of libtorch 2.10");
        yield return Try(
            "libstdc++",
            () =>
                NativeTorch.Load().BindingPatched
                    ? "older than TorchSharp's native library wants: a copy in memory does without the one symbol that it lacks"
                    : "as new as TorchSharp's native library wants",
            Setup
        );
        yield return Try("MKL", () => Mkl(NativeTorch.Load().Mkl), Setup);
        yield return Try("devices", Devices, Setup);
        yield return Try("threads", Threads, Setup);
        yield return Try("process groups", ProcessGroups, "install libgloo-dev, then run scripts/setup");
        yield return Try("DuckDB", () => $"{SqlLibrary.DuckDbVersion()}, {LoadedPath("libduckdb")}", Setup);
        yield return Try(
            "JPEG",
            () =>
                ImageLibraries.HasTurboJpeg
                    ? LoadedPath("libturbojpeg")
                    : "SkiaSharp, at half the speed of libjpeg-turbo: install libturbojpeg0, or run scripts/setup",
            Setup
        );
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

    private static string Libtorch()
    {
        // TorchSharp's own message, where it cannot be loaded, is long and names other remedies.
        var loaded = NativeTorch.Load();
        return $"{torch.__version__}, {loaded.Folder}";
    }

    private static string Devices()
    {
        NativeTorch.Load();
        return torch.cuda.is_available()
            ? $"cpu, {torch.cuda.device_count()} CUDA device(s)"
            : "cpu (this libtorch has no CUDA, or there is no GPU)";
    }

    private static string Threads()
    {
        NativeTorch.Load();
        return $"{torch.get_num_threads()} compute threads by default; {Environment.ProcessorCount} cores to share out";
    }

    private static string Mkl(MklPath path) =>
        path switch
        {
            MklPath.Native => "takes this Intel processor's instructions",
            MklPath.Switched => "told to take this processor's instructions as an Intel one's (CLIPTRAIN_MKL=plain leaves it alone)",
            _ => "leaves instructions of this processor unused: fp32 products are slower",
        };

    private static string ProcessGroups()
    {
        using var group = ProcessGroup.Gloo(new NoKeys(), 0, 1, "127.0.0.1", TimeSpan.FromSeconds(5));
        return "Gloo";
    }

    /// <summary>A group of one rank meets nobody.</summary>
    private sealed class NoKeys : IStoreBackend
    {
        public void Set(string key, ReadOnlySpan<byte> value) { }

        public byte[] Get(string key, TimeSpan timeout) => [];
    }

    private const string NotLoaded = "not loaded";

    /// <summary>Where a library that this process has loaded lies, links resolved.</summary>
    private static string LoadedPath(string name) =>
        File.ReadLines("/proc/self/maps")
            .Select(line => line[(line.LastIndexOf(' ') + 1)..])
            .FirstOrDefault(path => Path.GetFileName(path).StartsWith(name, StringComparison.Ordinal))
        ?? NotLoaded;

    private static string Vectors() =>
        Avx512F.IsSupported ? "AVX-512"
        : Avx2.IsSupported ? "AVX2"
        : "no AVX2";
}

/// <summary>What a check found. A fix is given when something is wrong.</summary>
public sealed record Finding(string Component, string Found, string? Fix)
{
    public bool IsWell => Fix is null;
}
