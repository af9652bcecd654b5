using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Interop;

/// <summary>Finds the binding's native half: in <c>native/</c> beside the program, else where the system looks.</summary>
internal static class NativeLibraryResolver
{
    public const string LibraryName = "cliptrain_torch";
    private const string FileName = "libcliptrain_torch.so";

    // A static constructor of the class that has the imports would be checked at each of their calls.
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "The resolver must be there before the first import is called.")]
    internal static void Register() =>
        NativeLibrary.SetDllImportResolver(typeof(NativeLibraryResolver).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (!string.Equals(name, LibraryName, StringComparison.Ordinal))
        {
            return 0;
        }

        string beside = Path.Combine(AppContext.BaseDirectory, "native", FileName);
        try
        {
            NativeEnvironment.Prepare();
            return NativeLibrary.Load(File.Exists(beside) ? beside : FileName);
        }
        catch (DllNotFoundException e)
        {
            throw new DllNotFoundException(
                $"The libtorch binding {FileName} could not be loaded from {beside} or the system's library path. " +
                $"Run scripts/setup, which builds it and installs libtorch. ({e.Message.Split('\n')[0]})", e);
        }
    }
}
