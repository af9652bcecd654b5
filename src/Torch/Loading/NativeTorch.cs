using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace ClipTrain.Torch.Loading;

/// <summary>
/// Loads libtorch and TorchSharp's native library before TorchSharp looks for them. They are in <c>native/torch</c> beside the program;
/// the environment variable LIBTORCH names another folder of libtorch, and CLIPTRAIN_TORCHSHARP a native library built against a
/// libtorch of another version.
/// </summary>
public static unsafe partial class NativeTorch
{
    /// <summary>Name of the Gloo library, which scripts/setup builds.</summary>
    internal const string GlooLibrary = "cliptrain_gloo";

    internal const string NcclLibrary = "nccl",
        CudaDriver = "cuda";

    private const string Binding = "LibTorchSharp",
        Library = "torch_cpu",
        CudaLibrary = "torch_cuda";
    private const string BindingRemedy = "CLIPTRAIN_TORCHSHARP must name TorchSharp's native library; unset it to use the one from NuGet.";

    /// <summary>The only version of libtorch with the 1,202 C++ symbols that this TorchSharp imports.</summary>
    private static readonly Version s_supported = new(2, 10);

    private static readonly Lazy<LoadedTorch> s_loaded = new(LoadOnce);

    /// <summary>Loads the libraries at the first call, and returns what was loaded and patched.</summary>
    /// <exception cref="DllNotFoundException">A library cannot be loaded. The message says what to do.</exception>
    public static LoadedTorch Load() => s_loaded.Value;

    /// <summary>
    /// Loads the libraries when TorchSharp's assembly is loaded, before its static constructors run. Assemblies that use TorchSharp call
    /// this from their module initializers. Failures are thrown by <see cref="Load"/>.
    /// </summary>
    public static void LoadWithTorchSharp()
    {
        AppDomain.CurrentDomain.AssemblyLoad += (_, loaded) => Prepare(loaded.LoadedAssembly);
        Array.ForEach(AppDomain.CurrentDomain.GetAssemblies(), Prepare);
    }

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "The resolver must be there before the first import is called.")]
    internal static void Register()
    {
        NativeLibrary.SetDllImportResolver(
            typeof(NativeTorch).Assembly,
            (name, _, _) =>
                name switch
                {
                    Binding => Load().Binding,
                    Library => Load().Library,
                    GlooLibrary => LoadGloo(),
                    CudaLibrary => LoadAny("libtorch for CUDA", Path.Combine(Load().Folder, "libtorch_cuda.so")),
                    CudaDriver => LoadAny("NVIDIA's driver", "libcuda.so.1"),
                    // Some builds of libtorch include NCCL.
                    NcclLibrary => LoadAny(
                        "NCCL, which several workers on GPUs need",
                        Path.Combine(Load().Folder, "libnccl.so.2"),
                        "libnccl.so.2",
                        Path.Combine(Load().Folder, "libtorch_cuda.so")
                    ),
                    _ => 0,
                }
        );
    }

    private static void Prepare(Assembly assembly)
    {
        if (!string.Equals(assembly.GetName().Name, "TorchSharp", StringComparison.Ordinal))
        {
            return;
        }

        try
        {
            Load();
        }
        catch (DllNotFoundException)
        {
            // Callers that need the libraries call Load, which throws this again.
        }
    }

    private static string? NamedBinding => Environment.GetEnvironmentVariable("CLIPTRAIN_TORCHSHARP") is { Length: > 0 } path ? path : null;

    private static string Shipped => Path.Combine(AppContext.BaseDirectory, "native", "torch");

    /// <summary>Opens libtorch from a folder, or by default from beside the program.</summary>
    /// <exception cref="DllNotFoundException">There is no libtorch, or one of another version.</exception>
    internal static (nint Library, string Folder) OpenLibrary(string? named)
    {
        var folder = string.IsNullOrEmpty(named) ? Shipped : LibraryFolder(named);
        var path = Path.Combine(folder, "libtorch_cpu.so");
        if (!File.Exists(path))
        {
            throw new DllNotFoundException($"There is no libtorch_cpu.so in {folder}. {Remedy(named)}");
        }

        var library = Open(path, named);
        if (NamedBinding is null)
        {
            CheckVersion(library, folder, named);
        }

        return (library, folder);
    }

    private static LoadedTorch LoadOnce()
    {
        if (!Avx2.IsSupported)
        {
            throw new DllNotFoundException(
                "This processor has no AVX2, which ClipTrain's kernels and libtorch 2.10 need. Use a machine with an x86-64-v3 processor "
                    + "(2013 or later)."
            );
        }

        // Spinning threads would take cores from the threads that decode images. .NET keeps its own copy of the environment.
        _ = SetEnvironment("OMP_WAIT_POLICY", "passive", overwrite: 0);
        // With this much memory of its own, cuBLAS repeats its results; it reads the variable when a GPU is first used.
        _ = SetEnvironment("CUBLAS_WORKSPACE_CONFIG", ":4096:8", overwrite: 0);
        // NCCL's calls would wait for other ranks without limit.
        _ = SetEnvironment("NCCL_COMM_BLOCKING", "0", overwrite: 0);

        var named = Environment.GetEnvironmentVariable("LIBTORCH");
        var (library, folder) = OpenLibrary(named);
        TorchContext.DisableNnpack(library);
        var mkl = MklDispatch.Apply(library);
        foreach (var other in new[] { "libtorch_cuda.so", "libtorch.so" }.Select(name => Path.Combine(folder, name)).Where(File.Exists))
        {
            Open(other, named);
        }

        var bindingPath = NamedBinding ?? Path.Combine(Shipped, "libLibTorchSharp.so");
        if (!File.Exists(bindingPath))
        {
            throw new DllNotFoundException($"There is no {bindingPath}. {(NamedBinding is null ? Remedy(named: null) : BindingRemedy)}");
        }

        var patched = OldLibstdcxx.IsInstalled();
        var binding = patched ? OldLibstdcxx.LoadCopy(bindingPath) : Open(bindingPath, named: null);
        NativeLifetime.Extend(library, binding);
        return new LoadedTorch(library, binding, folder, mkl, patched)
        {
            Version = VersionOf(library),
            RepeatsOnGpus = File.Exists(Path.Combine(folder, "libtorch_cuda.so")) && TorchContext.MakeGpusReproducible(library),
            ReleaseDelay = NativeLifetime.Delay,
        };
    }

    private static nint LoadGloo()
    {
        var path = Path.Combine(AppContext.BaseDirectory, "native", $"lib{GlooLibrary}.so");
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (DllNotFoundException error)
        {
            throw new DllNotFoundException(
                $"Several workers need {path}, which could not be loaded: install libgloo-dev and run scripts/setup, or train with one "
                    + $"worker. ({error.Message.Split('\n')[0]})",
                error
            );
        }
    }

    private static nint LoadAny(string what, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (NativeLibrary.TryLoad(name, out var library))
            {
                return library;
            }
        }

        throw new DllNotFoundException(
            $"There is no {what}: {string.Join(", ", names)} cannot be loaded. Compute on the CPU with cluster.device: cpu, or install it."
        );
    }

    private static string LibraryFolder(string named) => Directory.Exists(Path.Combine(named, "lib")) ? Path.Combine(named, "lib") : named;

    private static nint Open(string path, string? named)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (DllNotFoundException error)
        {
            throw new DllNotFoundException($"{path} could not be loaded. {Remedy(named)} ({error.Message.Split('\n')[0]})", error);
        }
    }

    private static string Remedy(string? named) =>
        string.IsNullOrEmpty(named)
            ? "Build ClipTrain again: the build restores libtorch from NuGet."
            : "LIBTORCH must name a folder of libtorch 2.10; unset it to use the one from NuGet.";

    private static void CheckVersion(nint library, string folder, string? named)
    {
        if (VersionOf(library) is var version && version != s_supported)
        {
            var found = version is null ? "a version before 2.10" : $"version {version}";
            throw new DllNotFoundException($"{folder} has {found} of libtorch; TorchSharp 0.107 requires {s_supported}. {Remedy(named)}");
        }
    }

    /// <summary>Version of a libtorch, which TorchSharp does not tell: it repeats that of its own build. Null before 2.10.</summary>
    private static Version? VersionOf(nint library) =>
        NativeLibrary.TryGetExport(library, "aoti_torch_abi_version", out var function)
        && ((delegate* unmanaged<ulong>)function)() is var version
            ? new Version((int)(version >> 56), (int)((version >> 48) & 0xFF))
            : null;

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}

/// <summary>The native libraries that were loaded.</summary>
/// <param name="Library">Handle of libtorch_cpu.so.</param>
/// <param name="Binding">Handle of TorchSharp's native library.</param>
/// <param name="Folder">Folder of libtorch.</param>
/// <param name="Mkl">MKL's code path on this processor.</param>
/// <param name="BindingPatched">True if the system's libstdc++ is too old for the binding, and a patched copy was loaded from
/// memory.</param>
public sealed record LoadedTorch(nint Library, nint Binding, string Folder, MklPath Mkl, bool BindingPatched)
{
    /// <summary>Version of libtorch; null if it does not tell.</summary>
    public Version? Version { get; init; }

    /// <summary>True if it is a libtorch for GPUs, and set to repeat its results there bit for bit.</summary>
    public bool RepeatsOnGpus { get; init; }

    /// <summary>Time from the garbage collector's release of a tensor or number to the native one, by <see cref="NativeLifetime"/>.</summary>
    public TimeSpan ReleaseDelay { get; init; }
}
