using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Loading;
using ClipTrain.Torch.Operators;
using TorchSharp;

namespace ClipTrain.Cli.Doctor;

/// <summary>The checks of <c>cliptrain doctor</c>. Each component is exercised once, not merely located.</summary>
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
        yield return new Finding("energy", Energy(), null);
        foreach (var finding in Torch())
        {
            yield return finding;
        }

        yield return Try("DuckDB", () => $"{SqlLibrary.DuckDbVersion()}, {LoadedPath("libduckdb")}", Setup);
        yield return Try(
            "JPEG",
            () =>
                ImageLibraries.HasTurboJpeg
                    ? LoadedPath("libturbojpeg")
                    : "SkiaSharp, half as fast as libjpeg-turbo: install libturbojpeg0, or run scripts/setup",
            Setup
        );
        yield return Try("libvips", () => $"{ImageLibraries.VipsVersion()}, {LoadedPath("libvips")}", Setup);
        yield return Try("tokenizer", () => $"OpenAI's merges, {BpeTokenizer.OpenAi(77).VocabularySize} tokens", "rebuild ClipTrain");
    }

    /// <summary>libtorch and what depends on it. If it cannot be loaded, that alone.</summary>
    private static IEnumerable<Finding> Torch()
    {
        var libtorch = Try("libtorch", Libtorch, Avx2.IsSupported ? "rebuild ClipTrain, or check LIBTORCH" : "use another machine");
        yield return libtorch;
        if (!libtorch.IsWell)
        {
            yield break;
        }

        var loaded = NativeTorch.Load();
        yield return new Finding(
            "libstdc++",
            loaded.BindingPatched
                ? "older than TorchSharp's native library expects; the one missing symbol is patched out in memory"
                : "new enough for TorchSharp's native library",
            null
        );
        yield return new Finding("MKL", Mkl(loaded.Mkl), null);
        yield return new Finding("bf16, fp16", $"{Products(torch.bfloat16)}; {Products(torch.float16)}", null);
        yield return new Finding(
            "finalizers",
            $"patched to release tensors and numbers {loaded.ReleaseDelay.TotalSeconds} s late: operators may still read them",
            null
        );
        yield return Try("devices", Devices, Setup);
        yield return Try("threads", Threads, Setup);
        yield return Try("process groups", ProcessGroups, "install libgloo-dev, then run scripts/setup");
        if (torch.cuda.is_available())
        {
            yield return Try("on GPUs", GpuGroups, "install NCCL (libnccl2), or use one GPU (--set cluster.workers=1)");
        }
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

    /// <summary>Runs do without the counters, so their lack needs no fix.</summary>
    private static string Energy()
    {
        try
        {
            return $"counters of {new PackageEnergy(PackageEnergy.Root).Packages} processor package(s)";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return $"not readable, so summaries have no joules: {error.Message}";
        }
    }

    private static string Libtorch()
    {
        // TorchSharp's own error message is long and suggests other remedies.
        var loaded = NativeTorch.Load();
        return $"{loaded.Version}, {loaded.Folder}";
    }

    private static string Devices() =>
        torch.cuda.is_available()
            ? $"cpu, {torch.cuda.device_count()} CUDA device{(torch.cuda.device_count() == 1 ? "" : "s")}"
            : "cpu (this libtorch has no CUDA, or there is no GPU)";

    private static string Threads() =>
        $"{torch.get_num_threads()} compute threads by default; {Environment.ProcessorCount} cores available";

    private static string Mkl(MklPath path) =>
        path switch
        {
            MklPath.Native => "uses all instructions of this Intel processor",
            MklPath.Switched => "switched to the Intel code path on this processor (disable with CLIPTRAIN_MKL=plain)",
            _ => "does not use all instructions of this processor: fp32 matrix products are slower",
        };

    private static string Products(torch.ScalarType type) =>
        HalfTypes.AreWidened(type)
            ? "products in fp32, rounded, as this processor has no instructions for them"
            : "products by this processor's instructions";

    private static string ProcessGroups()
    {
        using var group = ProcessGroup.Gloo(new NoKeys(), 0, 1, "127.0.0.1", TimeSpan.FromSeconds(5));
        return "Gloo";
    }

    private static string GpuGroups()
    {
        using var group = ProcessGroup.Nccl(new NoKeys(), 0, 1, 0, TimeSpan.FromSeconds(30));
        return NativeTorch.Load().RepeatsOnGpus
            ? "NCCL; results repeat bit for bit, and fp32 is not rounded to TF32"
            : "NCCL; results may not repeat, as this libtorch lacks the settings for it";
    }

    /// <summary>Empty key-value store; a group of one rank exchanges no keys.</summary>
    private sealed class NoKeys : IStoreBackend
    {
        public void Set(string key, ReadOnlySpan<byte> value) { }

        public byte[] Get(string key, TimeSpan timeout) => [];
    }

    private const string NotLoaded = "not loaded";

    /// <summary>Resolved path of a library loaded by this process.</summary>
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

/// <summary>Result of one check. <paramref name="Fix"/> is null if nothing is wrong.</summary>
public sealed record Finding(string Component, string Found, string? Fix)
{
    public bool IsWell => Fix is null;
}
