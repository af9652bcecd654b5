using System.Runtime.InteropServices;
using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static unsafe partial class torch
{
    /// <summary>The version of libtorch that the binding was compiled against.</summary>
    public static string version { get; } = Marshal.PtrToStringUTF8((nint)NativeMethods.ct_version())!;

    /// <summary>How libtorch was built: compiler, BLAS, instruction sets, CUDA.</summary>
    public static string config_show() => Text(NativeMethods.ct_show_config());

    /// <summary>libtorch's threading: numbers of threads, OpenMP, MKL, environment.</summary>
    public static string parallel_info() => Text(NativeMethods.ct_parallel_info());

    /// <summary>The number of threads that one operation may use. Set it on the thread that runs the operations.</summary>
    public static void set_num_threads(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        NativeError.Check(NativeMethods.ct_set_num_threads(count), "torch.set_num_threads");
    }

    public static int get_num_threads() => NativeMethods.ct_get_num_threads();

    private static string Text(byte* text) =>
        text != null ? Marshal.PtrToStringUTF8((nint)text)! : throw new TorchException(NativeError.LastText());
}
