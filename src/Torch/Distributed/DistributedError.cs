using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

/// <summary>Turns a failure of c10d into a <see cref="DistributedException"/>.</summary>
internal static class DistributedError
{
    public static nint CheckPointer(nint result, string what) => result != 0 ? result : throw Last(what);

    public static int Check(int result, string what) => result >= 0 ? result : throw Last(what);

    public static long Milliseconds(TimeSpan timeout)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
        return (long)Math.Ceiling(timeout.TotalMilliseconds);
    }

    private static DistributedException Last(string what) => new($"{what}: {NativeError.LastText()}");
}
