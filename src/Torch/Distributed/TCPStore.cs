using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static partial class torch
{
    public static partial class distributed
    {
        /// <summary>A client of the store at host:port and, on one rank, the store itself.</summary>
        public sealed class TCPStore : Store
        {
            /// <param name="host">The server's address.</param>
            /// <param name="port">Its port; 0 lets the server take a free one, which <see cref="Port"/> tells.</param>
            /// <param name="isServer">Whether the store itself runs in this object. When it is disposed of, the store is gone.</param>
            /// <param name="timeout">How long connecting and waiting for a key may take.</param>
            public TCPStore(string host, int port, bool isServer, TimeSpan timeout)
                : this(Open(host, port, isServer, timeout))
            {
            }

            private TCPStore((nint Handle, int Port) opened)
                : base(opened.Handle) => Port = opened.Port;

            public int Port { get; }

            private static unsafe (nint Handle, int Port) Open(string host, int port, bool isServer, TimeSpan timeout)
            {
                ArgumentOutOfRangeException.ThrowIfNegative(port);
                ArgumentOutOfRangeException.ThrowIfGreaterThan(port, ushort.MaxValue);
                int bound;
                nint handle = NativeMethods.ct_tcp_store(host, port, isServer ? 1 : 0, DistributedError.Milliseconds(timeout), &bound);
                return (DistributedError.CheckPointer(handle, $"TCPStore({host}:{port})"), bound);
            }
        }
    }
}
