using System.Reflection;
using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Interop;

/// <summary>Finds the binding's native half: in <c>native/</c> beside the program, else where the system looks.</summary>
internal static class NativeLibraryResolver
{
    public const string LibraryName = "cliptrain_torch";
    private const string FileName = "libcliptrain_torch.so";

    public static void Register() =>
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
