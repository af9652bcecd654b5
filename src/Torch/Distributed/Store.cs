using System.Diagnostics.CodeAnalysis;
using System.Text;
using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static partial class torch
{
    /// <summary>c10d: stores, process groups and collectives.</summary>
    public static partial class distributed
    {
        /// <summary>A small key-value store through which ranks find each other. Failures are <see cref="DistributedException"/>s.</summary>
        [SuppressMessage("Design", "CA1063:Implement IDisposable correctly", Justification = "No finalizer.")]
        public abstract unsafe class Store : IDisposable
        {
            private nint _handle;

            private protected Store(nint handle) => _handle = handle;

            internal nint Handle
            {
                get
                {
                    ObjectDisposedException.ThrowIf(_handle == 0, this);
                    return _handle;
                }
            }

            public void set(string key, ReadOnlySpan<byte> value)
            {
                fixed (byte* p = value)
                {
                    DistributedError.Check(NativeMethods.ct_store_set(Handle, key, p, value.Length), $"Store.set('{key}')");
                }
            }

            public void set(string key, string value) => set(key, Encoding.UTF8.GetBytes(value));

            /// <summary>The key's value; waits for the key, at most the store's time-out.</summary>
            public byte[] get(string key)
            {
                byte* value;
                int length = DistributedError.Check(NativeMethods.ct_store_get(Handle, key, &value), $"Store.get('{key}')");
                return new ReadOnlySpan<byte>(value, length).ToArray();
            }

            /// <summary>Adds to a counter, which starts at 0, and returns its new value.</summary>
            public long add(string key, long amount)
            {
                long result;
                DistributedError.Check(NativeMethods.ct_store_add(Handle, key, amount, &result), $"Store.add('{key}')");
                return result;
            }

            /// <summary>Waits until the key is there.</summary>
            /// <exception cref="DistributedException">It is not within <paramref name="timeout"/>.</exception>
            public void wait(string key, TimeSpan timeout) =>
                DistributedError.Check(
                    NativeMethods.ct_store_wait(Handle, key, DistributedError.Milliseconds(timeout)), $"Store.wait('{key}')");

            /// <summary>Removes a key; false when it was not there.</summary>
            public bool delete(string key) =>
                DistributedError.Check(NativeMethods.ct_store_delete(Handle, key), $"Store.delete('{key}')") != 0;

            public void Dispose()
            {
                if (_handle != 0)
                {
                    NativeMethods.ct_store_free(_handle);
                    _handle = 0;
                }

                GC.SuppressFinalize(this);
            }
        }

        /// <summary>A store whose keys all start with a prefix, for one generation of a process group.</summary>
        public sealed class PrefixStore(string prefix, Store store) : Store(
            DistributedError.CheckPointer(NativeMethods.ct_prefix_store(prefix, store.Handle), "PrefixStore"));
    }
}
