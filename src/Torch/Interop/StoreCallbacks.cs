using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Interop;

/// <summary>
/// The functions that a native <c>CallbackStore</c> calls: <c>CtStoreCallbacks</c> of <c>native/callback_store.cpp</c>. Each is
/// given a GCHandle to an <see cref="IStoreBackend"/>. No exception may leave them: a failure is −1 and its text.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct StoreCallbacks
{
    private const int Failed = -1;

    private delegate* unmanaged<nint, byte*, byte*, int, int> _set;
    private delegate* unmanaged<nint, byte*, long, nint, int> _get;
    private delegate* unmanaged<nint, byte*, long, long*, int> _add;
    private delegate* unmanaged<nint, byte*, int> _check;
    private delegate* unmanaged<nint, byte*, int> _delete;
    private delegate* unmanaged<nint, byte*, long, int> _wait;
    private delegate* unmanaged<nint, void> _release;

    public static StoreCallbacks Create() => new()
    {
        _set = &Set,
        _get = &Get,
        _add = &Add,
        _check = &Check,
        _delete = &Delete,
        _wait = &Wait,
        _release = &Release,
    };

    [UnmanagedCallersOnly]
    private static int Set(nint backend, byte* key, byte* value, int length)
    {
        try
        {
            Backend(backend).Set(Text(key), new ReadOnlySpan<byte>(value, length));
            return 0;
        }
        catch (Exception e)
        {
            return Fail(e);
        }
    }

    [UnmanagedCallersOnly]
    private static int Get(nint backend, byte* key, long timeoutMs, nint bytes)
    {
        try
        {
            byte[] value = Backend(backend).Get(Text(key), Timeout(timeoutMs));
            fixed (byte* p = value)
            {
                NativeMethods.ct_bytes_assign(bytes, p, value.Length);
            }

            return 0;
        }
        catch (Exception e)
        {
            return Fail(e);
        }
    }

    [UnmanagedCallersOnly]
    private static int Add(nint backend, byte* key, long amount, long* result)
    {
        try
        {
            *result = Backend(backend).Add(Text(key), amount);
            return 0;
        }
        catch (Exception e)
        {
            return Fail(e);
        }
    }

    [UnmanagedCallersOnly]
    private static int Check(nint backend, byte* key)
    {
        try
        {
            return Backend(backend).Check(Text(key)) ? 1 : 0;
        }
        catch (Exception e)
        {
            return Fail(e);
        }
    }

    [UnmanagedCallersOnly]
    private static int Delete(nint backend, byte* key)
    {
        try
        {
            return Backend(backend).Delete(Text(key)) ? 1 : 0;
        }
        catch (Exception e)
        {
            return Fail(e);
        }
    }

    [UnmanagedCallersOnly]
    private static int Wait(nint backend, byte* key, long timeoutMs)
    {
        try
        {
            Backend(backend).Wait(Text(key), Timeout(timeoutMs));
            return 0;
        }
        catch (Exception e)
        {
            return Fail(e);
        }
    }

    [UnmanagedCallersOnly]
    private static void Release(nint backend) => GCHandle.FromIntPtr(backend).Free();

    private static IStoreBackend Backend(nint handle) => (IStoreBackend)GCHandle.FromIntPtr(handle).Target!;

    private static string Text(byte* utf8) => Marshal.PtrToStringUTF8((nint)utf8)!;

    // −1 ms is Timeout.InfiniteTimeSpan.
    private static TimeSpan Timeout(long milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    private static int Fail(Exception e)
    {
        NativeMethods.ct_set_last_error(e.Message);
        return Failed;
    }
}
