using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Interop;

/// <summary>
/// The functions that a step of the graph calls whose way back is C#: <c>CtBackwardCallbacks</c> of <c>native/function.cpp</c>.
/// Each is given a GCHandle to a <see cref="torch.BackwardFunction"/>. No exception may leave them.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BackwardCallbacks
{
    private delegate* unmanaged<nint, nint, nint*, int, nint*, int, nint> _run;
    private delegate* unmanaged<nint, void> _release;

    public static BackwardCallbacks Create() => new() { _run = &Run, _release = &Release };

    /// <summary>Throws what <see cref="Run"/> caught.</summary>
    public static void Rethrow(nint exception)
    {
        var handle = GCHandle.FromIntPtr(exception);
        var thrown = (ExceptionDispatchInfo)handle.Target!;
        handle.Free();
        thrown.Throw();
    }

    [UnmanagedCallersOnly]
    private static nint Run(nint context, nint gradient, nint* saved, int savedCount, nint* gradients, int count)
    {
        try
        {
            using DisposeScope scope = torch.NewDisposeScope();
            var start = new torch.Tensor(gradient);
            var kept = new torch.Tensor[savedCount];
            for (int i = 0; i < savedCount; i++)
            {
                kept[i] = new torch.Tensor(saved[i]);
            }

            torch.Tensor[] results = ((torch.BackwardFunction)GCHandle.FromIntPtr(context).Target!)(start, kept);
            if (results.Length != count)
            {
                throw new InvalidOperationException($"A backward function gave {results.Length} gradients for {count} inputs.");
            }

            for (int i = 0; i < count; i++)
            {
                gradients[i] = results[i].DetachFromDisposeScope().TakeHandle();
            }

            return 0;
        }
        catch (Exception e)
        {
            return (nint)GCHandle.Alloc(ExceptionDispatchInfo.Capture(e));
        }
    }

    [UnmanagedCallersOnly]
    private static void Release(nint context) => GCHandle.FromIntPtr(context).Free();
}
