using System.Runtime.InteropServices;
using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static partial class torch
{
    public static partial class distributed
    {
        /// <summary>
        /// A store that keeps its keys wherever C# likes: c10d's calls go to an <see cref="IStoreBackend"/>, which is used until
        /// the store and every group and <see cref="PrefixStore"/> over it are gone.
        /// </summary>
        public sealed class CallbackStore : Store
        {
            // c10d's own.
            private static readonly TimeSpan s_defaultTimeout = TimeSpan.FromMinutes(5);

            /// <param name="backend">Where the keys lie.</param>
            /// <param name="timeout">How long waiting for a key may take; five minutes by default. A group's time-out goes before it.</param>
            public CallbackStore(IStoreBackend backend, TimeSpan? timeout = null)
                : base(Open(backend, timeout ?? s_defaultTimeout))
            {
            }

            private static unsafe nint Open(IStoreBackend backend, TimeSpan timeout)
            {
                ArgumentNullException.ThrowIfNull(backend);
                long milliseconds = DistributedError.Milliseconds(timeout);
                StoreCallbacks calls = StoreCallbacks.Create();
                nint handle = NativeMethods.ct_callback_store(&calls, GCHandle.ToIntPtr(GCHandle.Alloc(backend)), milliseconds);
                return DistributedError.CheckPointer(handle, nameof(CallbackStore));
            }
        }
    }
}
