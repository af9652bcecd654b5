using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Interop;

/// <summary>Turns a native function's failure into an exception with libtorch's own text.</summary>
internal static unsafe class NativeError
{
    private const int MaxLines = 8;

    /// <summary>The calling thread's last error: its first lines, without the C++ backtrace.</summary>
    public static string LastText()
    {
        string text = Marshal.PtrToStringUTF8((nint)NativeMethods.ct_last_error()) ?? "";
        int backtrace = text.IndexOf("Exception raised from ", StringComparison.Ordinal);
        if (backtrace >= 0)
        {
            text = text[..backtrace];
        }

        return string.Join('\n', text.Split('\n').Take(MaxLines)).TrimEnd();
    }

    public static nint CheckPointer(nint result, string what) =>
        result != 0 ? result : throw new TorchException($"{what}: {LastText()}");

    public static int Check(int result, string what) =>
        result >= 0 ? result : throw new TorchException($"{what}: {LastText()}");
}
